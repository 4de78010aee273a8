/*
 * smtp_says.h - what a client is told that is refused: once, for those who say it and for
 * who looks up later which rule it was (refusal.h).
 */
#ifndef VX_SERVICE_SMTP_SAYS_H
#define VX_SERVICE_SMTP_SAYS_H

#include "vectis/refusal.h"

#define SMTP_SAYS_UNKNOWN "no such mailbox"
#define SMTP_SAYS_CLOSED "this domain is closed"
#define SMTP_SAYS_AWAY "this domain receives no mail here"
#define SMTP_SAYS_RELAYING "relaying denied"
/* in events; the client is told less */
#define SMTP_SAYS_BLOCKED "the operator blocks this network"
#define SMTP_SAYS_MESSAGES "too many messages from "
#define SMTP_SAYS_RECIPIENTS "too many recipients from "
/* what has a weight, as it begins */
#define SMTP_SAYS_LISTED "your address "
#define SMTP_SAYS_NO_NAME "your address has no name (reverse DNS)"
#define SMTP_SAYS_NAME "the name of your address"
#define SMTP_SAYS_HELO "HELO "
#define SMTP_SAYS_SPF "the sender's domain does not "
#define SMTP_SAYS_SPF_WRONG "the SPF record of the sender's domain "
#define SMTP_SAYS_OWN_DOMAIN "mail from this domain has to be submitted with a login"
#define SMTP_SAYS_GREYLIST "this server does not know you yet"
#define SMTP_SAYS_DMARC "neither SPF nor DKIM proves the author's domain"
#define SMTP_SAYS_UNVERIFIED "the domain is not verified"
#define SMTP_SAYS_LIST_UNVERIFIED "the domain of this list is not verified"
#define SMTP_SAYS_DMARC_LATER "whether the message is authentic "

#endif
