"""./dev run: a throw-away mail server, a real message through it, and how to connect."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ['top_builddir'] = sys.argv[1]
from acme_peers import Pebble, find_pebble  # noqa: E402
from instance import DOMAIN, PASSWORD, CertificateAuthority, Instance, run  # noqa: E402
from peers import Names  # noqa: E402

MAIL = 'mail.' + DOMAIN


def swaks(mail, port, *extra):
    run('swaks', '--server', f'localhost:{mail.ports[port]}', '--silent', '2', *extra)


def curl(mail, url, *extra):
    port = url.split(':')[2].split('/')[0]
    return run('curl', '-sS', '--cacert', mail.root, '--resolve', f'{MAIL}:{port}:127.0.0.1',
               '-u', f'alice@{DOMAIN}:{PASSWORD}', url, *extra)


def wait_for(mail, count):
    for _ in range(200):
        if f'MESSAGES {count})' in curl(mail, f'imaps://{MAIL}:{mail.ports["imaps"]}/',
                                        '-X', 'STATUS INBOX (MESSAGES)'):
            return
        time.sleep(0.05)
    raise SystemExit('the message did not arrive')


def prove(mail):
    swaks(mail, 'smtp', '--from', 'someone@example.net', '--to', f'alice@{DOMAIN}',
          '--header', 'Subject: through port 25')
    swaks(mail, 'submission', '-tls', '--tls-verify', '--tls-ca-path', mail.root, '--auth',
          'PLAIN', '--auth-user', f'bob@{DOMAIN}', '--auth-password', PASSWORD, '--from',
          f'bob@{DOMAIN}', '--to', f'alice@{DOMAIN}', '--header', 'Subject: by submission')
    wait_for(mail, 2)
    for index, subject in ((1, 'through port 25'), (2, 'by submission')):
        imap = curl(mail, f'imaps://{MAIL}:{mail.ports["imaps"]}/INBOX;MAILINDEX={index}')
        pop3 = curl(mail, f'pop3s://{MAIL}:{mail.ports["pop3s"]}/{index}')
        if f'Subject: {subject}' not in imap or f'Subject: {subject}' not in pop3:
            raise SystemExit(f'message {index} did not come back as it was sent')
        print(f'  sent "{subject}" over SMTP, read it over IMAP and POP3')


def with_authority(folder):
    """An instance whose certificate comes from a Pebble beside it; without one, from a CA
    that signs by hand."""
    if not find_pebble():
        mail = Instance(folder)
        mail.root = os.path.join(folder, 'ca.crt')
        return mail, None
    names = Names({MAIL: {'A': ['127.0.0.1']}, 'ca.test': {'A': ['127.0.0.1']}})
    mail = Instance(folder, provider='letsencrypt')
    os.makedirs(folder, exist_ok=True)
    mail.ca = CertificateAuthority(folder)
    pebble = Pebble(mail.ca, names.port, mail.http_port, nonces=5)
    mail.tls = f'  email: postmaster@{DOMAIN}\n  authorities: {mail.ca.cert}\n'
    mail.settings = (f'acme:\n  directories: ["{pebble.directory()}"]\n'
                     + names.settings('test'))
    mail.root = os.path.join(folder, 'root.pem')
    with open(pebble.root(), 'rb') as root, open(mail.root, 'wb') as f:
        f.write(root.read())
    return mail, pebble


def wait_for_certificate(mail):
    said = mail.ctl('cert', 'issue')
    print('  a certificate from the local Pebble, by HTTP-01: '
          + [line for line in said.splitlines() if line][-1])


def main():
    folder = os.path.abspath('_run')
    subprocess.run(['rm', '-rf', folder], check=True)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    pebble = None
    try:
        mail, pebble = with_authority(folder)
        with mail:
            print('Vectis is up.')
            if pebble:
                wait_for_certificate(mail)
            prove(mail)
            p = mail.ports
            print(f'''
Connect a mail program (accept or import the test CA {mail.root}):
  IMAP     localhost port {p['imaps']}, TLS
  POP3     localhost port {p['pop3s']}, TLS
  sending  localhost port {p['submissions']} with TLS, or {p['submission']} with STARTTLS
  user     alice@{DOMAIN} or bob@{DOMAIN}, password {PASSWORD}
  SMTP     port {p['smtp']} receives for {DOMAIN}
  vectisctl -c {mail.config} ... (in {mail.build}/vectisctl) administers it
Logs are in {folder}.  Ctrl-C stops everything and removes it.''', flush=True)
            while all(process.poll() is None for process in mail.processes.values()):
                time.sleep(0.5)
            raise SystemExit('a daemon ended; see the log above')
    except KeyboardInterrupt:
        print('\nStopped.')
    finally:
        if pebble:
            pebble.stop()


main()
