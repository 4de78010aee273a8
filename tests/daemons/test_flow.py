"""What became of mail and of logins, as vectisctl tells it afterwards."""
import contextlib
import imaplib
import json
import poplib
import smtplib
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance
from peers import MailServer, Names

SETTINGS = '''workers: 2
dns:
  addresses: ["192.0.2.1"]
check:
  https_port: 0
  resolvers: ["127.0.0.1@%(dns)d"]
  system_resolvers: ["127.0.0.1@%(dns)d"]
sending:
  port: %(port)d
  retry_seconds: 1
  retry_max_seconds: 2
'''


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError('it does not come')
        time.sleep(0.05)


class Flow(unittest.TestCase):
    """Each test has a domain or names of its own."""

    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        settings = SETTINGS % {'dns': cls.names.port, 'port': cls.port}
        zones = cls.names.settings('test', 'google.com').replace('dns:\n', '')
        cls.mail = Instance(settings=settings.replace('dns:\n', 'dns:\n' + zones), keys={})
        cls.mail.__enter__()
        cls.mail.ctl('alias', 'add', f'sales@{DOMAIN}', f'bob@{DOMAIN}')

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)
        cls.names.stop()

    def logins(self, word):
        """{reason: entry}, as far as it is known."""
        with contextlib.suppress(RuntimeError):
            found = json.loads(self.mail.ctl('why', word, '--json'))
            return {e['reason']: e for e in found['logins']}
        return {}

    def in_clear(self, user, password='secret'):
        with smtplib.SMTP('127.0.0.1', self.mail.ports['submission'], timeout=60) as s:
            s.ehlo()
            s.user, s.password = user, password
            self.assertEqual(s.docmd('AUTH', 'PLAIN ' + smtplib.encode_base64(
                s.auth_plain().encode('ascii'), eol=''))[0], 538)

    def test_why_a_login_failed(self):
        with self.assertRaises(imaplib.IMAP4.error) as wrong:
            self.mail.imap('alice', 'wrong')
        with self.assertRaises(poplib.error_proto):
            self.mail.pop3('alice', 'wrong')
        with self.assertRaises(smtplib.SMTPAuthenticationError):  # which tries twice
            self.mail.submission('alice', 'wrong')
        with self.assertRaises(imaplib.IMAP4.error) as alias:
            self.mail.imap('sales', PASSWORD)
        with self.assertRaises(imaplib.IMAP4.error) as nobody:
            self.mail.imap('nobody', PASSWORD)
        # outward they are alike
        self.assertEqual(str(wrong.exception), str(alias.exception))
        self.assertEqual(str(wrong.exception), str(nobody.exception))
        self.in_clear(f'alice@{DOMAIN}')
        found = wait_until(lambda: (x := self.logins(f'alice@{DOMAIN}')) and len(x) == 2
                           and x['wrong-password']['count'] == 4 and x)
        self.assertEqual(set(found), {'wrong-password', 'no-tls'})
        self.assertEqual(found['wrong-password']['network'], '127.0.0.1')
        self.assertEqual((found['wrong-password']['right'], found['no-tls']['count']), (0, 1))
        found = wait_until(lambda: self.logins(f'sales@{DOMAIN}'))
        self.assertEqual(found['alias']['owner'], f'bob@{DOMAIN}')
        self.assertIn(f'log in as bob@{DOMAIN}', self.mail.ctl('why', f'sales@{DOMAIN}'))
        self.assertIn('no-such-mailbox', wait_until(
            lambda: self.logins(f'nobody@{DOMAIN}')))
        self.mail.imap('alice').logout()
        self.assertGreater(self.logins(f'alice@{DOMAIN}')['wrong-password']['right'],
                           time.time() - 60)
        for daemon in ('imapd', 'pop3d', 'smtpd'):
            self.assertRegex(self.mail.log(daemon),
                             f'login refused" user=alice@{DOMAIN} .*reason=wrong-password')
        self.assertIn('reason=alias', self.mail.log('imapd'))


if __name__ == '__main__':
    harness.main(__name__)
