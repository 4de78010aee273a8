dist_man_MANS += %D%/man/vectis.7 %D%/man/vectis-acmed.8 %D%/man/vectis-config.5 \
	%D%/man/vectis-imapd.8 %D%/man/vectis-pop3d.8 %D%/man/vectis-smtpd.8 \
	%D%/man/vectisctl.8
