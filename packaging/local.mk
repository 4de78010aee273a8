# systemd's files: one template makes the unit of each daemon.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
units = %D%/systemd/vectis-acmed.service %D%/systemd/vectis-imapd.service \
	%D%/systemd/vectis-pop3d.service %D%/systemd/vectis-smtpd.service
systemdsystemunit_DATA = $(units)
sysusers_DATA = %D%/sysusers/vectis.conf
tmpfiles_DATA = %D%/tmpfiles/vectis.conf
CLEANFILES += $(units) $(sysusers_DATA) $(tmpfiles_DATA)
EXTRA_DIST += %D%/build-deb %D%/debian %D%/systemd/daemon.service.in %D%/sysusers.conf.in \
	%D%/tmpfiles.conf.in

fill_in = sed -e 's,[@]sysconfdir@,$(sysconfdir),g' -e 's,[@]localstatedir@,$(localstatedir),g' \
	-e 's,[@]runstatedir@,$(runstatedir),g' -e 's,[@]vxlibexecdir@,$(vxlibexecdir),g'
make_unit = $(MKDIR_P) $(@D) && $(fill_in) -e "s,[@]daemon@,$$daemon,g" \
	-e "s,[@]own@,$$own,g" -e "s/[@]what@/Vectis: $$what/g" $(srcdir)/%D%/systemd/daemon.service.in >$@.tmp && \
	mv $@.tmp $@

%D%/systemd/vectis-acmed.service: %D%/systemd/daemon.service.in Makefile
	$(AM_V_GEN)daemon=acmed; what='certificates'; own=' -$(localstatedir)/lib/vectis-acme'; $(make_unit)
%D%/systemd/vectis-imapd.service: %D%/systemd/daemon.service.in Makefile
	$(AM_V_GEN)daemon=imapd; what='mailboxes by IMAP'; $(make_unit)
%D%/systemd/vectis-pop3d.service: %D%/systemd/daemon.service.in Makefile
	$(AM_V_GEN)daemon=pop3d; what='mail by POP3'; $(make_unit)
%D%/systemd/vectis-smtpd.service: %D%/systemd/daemon.service.in Makefile
	$(AM_V_GEN)daemon=smtpd; what='mail by SMTP'; $(make_unit)
%D%/sysusers/vectis.conf: %D%/sysusers.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(fill_in) $(srcdir)/%D%/sysusers.conf.in >$@.tmp && mv $@.tmp $@
%D%/tmpfiles/vectis.conf: %D%/tmpfiles.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(fill_in) $(srcdir)/%D%/tmpfiles.conf.in >$@.tmp && mv $@.tmp $@
