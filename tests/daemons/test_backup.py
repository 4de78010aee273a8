"""Email Routing as the backup: what comes while the server is away is not lost (DNS-21)."""
import os
import smtplib
import unittest

import harness
from cloudflare import ROUTE, Cloudflare
from instance import CertificateAuthority, Instance, message
from peers import TYPES, MailServer, Names
from test_sending import RETRY, wait_until

THEIRS, INBOX = 'backup.test', 'spare@inbox.test'
ROUTES = ('127.0.3.1', '127.0.3.2', '127.0.3.3')


class Routing:
    """Email Routing's servers: what the zone's catch-all says is done at once."""

    def __init__(self, zone, port, inbox):
        self.zone, self.inbox, self.taken = zone, inbox, []
        self.servers = [MailServer(a, port, replies={'END': self.forward}) for a in ROUTES]

    def forward(self, text):
        if not self.zone.routing or not self.zone.rule['enabled']:
            return '550 5.1.1 no route'
        to = self.zone.rule['actions'][0]['value']
        with smtplib.SMTP(*self.inbox.server_address, 'route.mx.cloudflare.net') as s:
            s.sendmail('srs@' + self.zone.name, to, text.encode())
        return '250 2.0.0 forwarded'

    def stop(self):
        for s in self.servers:
            s.stop()


class Failover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        zones = cls.names.settings('test', 'cloudflare.net')
        cls.server = Instance(settings=zones, pop3=False, daemons=('smtpd', 'imapd'))
        cls.server.hostname = 'mail.' + THEIRS
        cls.ca = cls.server.ca = CertificateAuthority(cls.server.folder)
        cls.cloud = Cloudflare(cls.ca.issue('api', hosts=('localhost',)))
        cls.addClassCleanup(cls.cloud.stop)
        cls.zone = cls.cloud.zone(THEIRS)
        cls.cloud.addresses[INBOX] = True
        cls.server.tls = f'  authorities: {cls.ca.cert}\n'
        cls.server.settings = zones.replace('dns:\n', 'dns:\n  addresses: ["127.0.0.1"]\n') + (
            f'cloudflare:\n  api: {cls.cloud.base}\n')
        with open(os.path.join(cls.server.folder, 'secrets.yaml'), 'w') as f:
            f.write(f'cloudflare:\n  api_token: "{cls.cloud.token([THEIRS], ROUTE)}"\n')
        os.chmod(f.name, 0o600)
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.server.__enter__()
        cls.server.ctl('domain', 'add', THEIRS, '--incoming', 'on', '--trust')
        cls.server.ctl('alias', 'add', 'ann@' + THEIRS, 'alice@example.test')
        cls.server.ctl('domain', 'set', THEIRS, '--backup-mx', 'cloudflare', '--backup-to', INBOX)
        cls.server.ctl('dns', 'apply', THEIRS, '--yes')
        # somebody else's server, which looks for the mail servers in what was published
        port = cls.server.ports['smtp']
        cls.sender = Instance(settings=RETRY % port + zones, pop3=False, daemons=('smtpd',),
                              accounts=('alice',))
        cls.addClassCleanup(cls.sender.__exit__, None, None, None)
        cls.sender.__enter__()
        # it would wait a while for a server that is away
        cls.addClassCleanup(cls.sender.kill, 'smtpd')
        cls.sender.ctl('domain', 'set', 'example.test', '--any-sender', 'on')
        cls.inbox = MailServer('127.0.3.9')
        cls.addClassCleanup(cls.inbox.stop)
        cls.routing = Routing(cls.zone, port, cls.inbox)
        cls.addClassCleanup(cls.routing.stop)
        cls.publish()

    @classmethod
    def publish(cls):
        cls.names.records.update({
            name: {k: v for k, v in kinds.items() if k in TYPES}
            for name, kinds in cls.zone.answers().items()})
        for n, address in enumerate(ROUTES, 1):
            cls.names.records[f'route{n}.mx.cloudflare.net'] = {'A': [address]}

    def send(self, subject):
        with self.sender.submission('alice') as s:
            s.sendmail('joe@far.test', ['ann@' + THEIRS],
                       message(subject, sender='joe@far.test'))

    def local(self):
        c = self.server.imap('alice')
        c.select()
        found = c.search(None, 'ALL')[1][0].split()
        text = b''.join(c.fetch(n, '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1][0][1]
                        for n in found)
        c.logout()
        return text

    def test_while_it_is_away(self):
        self.send('at-home')
        wait_until(lambda: b'at-home' in self.local())
        self.assertEqual(self.inbox.messages, [])
        self.server.kill('smtpd')
        self.send('while-away')
        wait_until(lambda: self.inbox.messages)
        sender, to, octets, _ = self.inbox.messages[0]
        self.assertEqual((sender.split()[0], to), (f'<srs@{THEIRS}>', [f'<{INBOX}>']))
        self.assertIn(b'Subject: while-away', octets)
        self.assertEqual(len(self.inbox.messages), 1)
        self.assertNotIn(b'while-away', self.local())


if __name__ == '__main__':
    harness.main(__name__)
