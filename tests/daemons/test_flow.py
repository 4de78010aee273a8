"""What became of mail and of logins, as vectisctl tells it afterwards."""
import contextlib
import imaplib
import json
import poplib
import re
import smtplib
import subprocess
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, build_dir
from peers import MailServer, Names

SETTINGS = '''workers: 2
smtp:
  blocklists: []
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
        zones = cls.names.settings('test', 'google.com', '192.in-addr.arpa').replace('dns:\n', '')
        cls.mail = Instance(settings=settings.replace('dns:\n', 'dns:\n' + zones),
                            believes_own=True)
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


    def check(self, domain=DOMAIN):
        """{name: finding}; it never takes longer than it may."""
        began = time.monotonic()
        done = subprocess.run([build_dir() + '/vectisctl/vectisctl', '-c', self.mail.config,
                               'domain', 'check', domain, '--json'], stdout=subprocess.PIPE,
                              check=False, timeout=60)
        self.assertLess(time.monotonic() - began, 10)
        return {c['name']: c for c in json.loads(done.stdout)['checks']}

    def finds(self, name, verdict, seen, fix='', domain=DOMAIN):
        """At last: what sessions saw is written each second."""
        def is_found():
            found = self.check(domain)[name]
            last.append(found)
            return (found['verdict'] == verdict and re.search(seen, found['seen'])
                    and fix in found['fix'])
        last = []
        try:
            wait_until(is_found, 20)
        except AssertionError:
            self.fail(last[-1])

    def attempt(self, address, sender, to):
        with smtplib.SMTP('127.0.0.1', self.mail.ports['smtp'], local_hostname='mail.peer.test',
                          source_address=(address, 0), timeout=60) as s:
            s.ehlo()
            code, answer = s.mail(sender)
            if code == 250:
                code, answer = s.rcpt(to)
            self.assertGreaterEqual(code, 400, answer)

    def test_mail_that_was_refused(self):
        for _ in range(2):
            self.attempt('127.0.0.1', 'a@peer.test', f'jon@{DOMAIN}')
        self.attempt('127.0.0.1', f'alice@{DOMAIN}', 'x@elsewhere.test')
        self.mail.ctl('block', 'add', '127.0.61.0/24', '--reason', 'testing')
        self.attempt('127.0.61.1', 'a@peer.test', f'alice@{DOMAIN}')
        self.finds('in.unknown_user', 'info', fr'2 refused .*jon@{DOMAIN} 2$',
                   f'vectisctl mailbox add jon@{DOMAIN}')
        self.finds('in.relay_denied', 'info', '1 refused', 'port 587')
        self.finds('in.client_rejected', 'info',
                   r"operator's block 1 \(the operator blocks this network: testing\)",
                   'vectisctl why 127.0.61.1')
        text = self.mail.ctl('why', '127.0.61.1')
        self.assertIn('the operator blocks this network: testing', text)

    def test_logins(self):
        self.mail.ctl_with_password('mailbox', 'add', f'dora@{DOMAIN}')
        self.mail.ctl('alias', 'add', f'shop@{DOMAIN}', f'dora@{DOMAIN}')
        for _ in range(5):
            with self.assertRaises(imaplib.IMAP4.error):
                self.mail.imap('dora', 'wrong')
        with self.assertRaises(poplib.error_proto):
            self.mail.pop3('shop', PASSWORD)
        self.finds('auth.reason', 'warn', fr'dora@{DOMAIN}: wrong password, 5 times, last from '
                   '127.0.0.1', f'vectisctl mailbox passwd dora@{DOMAIN}')
        self.finds('auth.alias', 'warn', f'shop@{DOMAIN}, 1 time, ',
                   f'who uses shop@{DOMAIN} logs in as dora@{DOMAIN}')
        self.mail.imap('dora').logout()
        self.finds('auth.reason', 'info', fr'dora@{DOMAIN}: wrong password, 5 times')

    def test_a_domain_that_is_closed(self):
        self.mail.ctl('domain', 'add', 'shut.test', '--incoming', 'on')
        self.mail.ctl('domain', 'set', 'shut.test', '--active', 'off')
        self.attempt('127.0.0.1', 'a@peer.test', 'x@shut.test')
        self.finds('in.relay_denied', 'fail', 'the domain is inactive: 1 refused',
                   'vectisctl domain set shut.test --active on', 'shut.test')
        self.mail.ctl('domain', 'set', 'shut.test', '--active', 'on', '--incoming', 'off')
        self.names.add('shut.test', 'MX', '10 mail.' + DOMAIN)
        self.finds('in.relay_denied', 'fail', 'its MX record leads here', '--incoming on',
                   'shut.test')

    def test_what_leaves(self):
        self.mail.ctl('domain', 'add', 'two.test', '--trust')
        self.finds('test.send', 'n/a', 'vectisctl test send', '', 'two.test')
        peer = MailServer('127.0.62.1', self.port)
        self.addCleanup(peer.stop)
        self.names.add('there.test', 'MX', '10 mx.there.test')
        self.names.add('mx.there.test', 'A', '127.0.62.1')
        self.names.add('r.test', 'A', '127.0.62.2')
        self.mail.ctl('test', 'send', 'x@there.test', '--from', 'a@two.test')
        self.finds('test.send', 'pass', 'taken by mx.there.test at ', '', 'two.test')
        self.finds('relay.auth', 'n/a', 'there is no relay', '', 'two.test')
        relay = MailServer('127.0.62.2', tls=self.mail.ca.issue('r', hosts=('r.test',)),
                           users={'joe': 'right'})
        self.addCleanup(relay.stop)
        self.mail.ctl('relay', 'add', 'r', f'r.test:{relay.port}', '--domain', 'two.test',
                      '--user', 'joe', '--password-fd', '0', input='wrong\n')
        with self.assertRaises(RuntimeError) as failed:
            self.mail.ctl('test', 'send', 'x@there.test', '--from', 'a@two.test',
                          '--seconds', '2')
        self.assertIn('an API key or an SMTP password', str(failed.exception))
        self.finds('relay.auth', 'fail', r'r \(r.test\) said at .*535 ',
                   'vectisctl relay test r', 'two.test')
        self.finds('relay.identity', 'n/a', 'follows from relay.auth', '', 'two.test')
        relay.replies['MAIL'] = '554 5.7.1 Email address is not verified'
        self.mail.ctl('relay', 'set', 'r', '--user', 'joe', '--password-fd', '0',
                      input='right\n')
        self.finds('relay.identity', 'warn', 'not verified.*; for a@two.test',
                   'verify the whole domain', 'two.test')
        del relay.replies['MAIL']
        self.mail.ctl('test', 'send', 'x@there.test', '--from', 'a@two.test')
        found = self.check('two.test')
        self.assertEqual({n: found[n]['verdict'] for n in (
            'relay.auth', 'relay.identity', 'test.send')},
            {'relay.auth': 'pass', 'relay.identity': 'pass', 'test.send': 'pass'})


if __name__ == '__main__':
    harness.main(__name__)
