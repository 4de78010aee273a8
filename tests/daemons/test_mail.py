"""Mail in by SMTP and submission, out by IMAP and POP3, with real clients."""
import email
import re
import smtplib
import socket
import subprocess
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message, run


class Mail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice', 'bob', 'carol'))
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def subjects(self, name='alice'):
        c = self.mail.imap(name)
        c.select('INBOX', readonly=True)
        _, data = c.uid('FETCH', '1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
        c.logout()
        return [email.message_from_bytes(d[1])['Subject'] for d in data if isinstance(d, tuple)]

    def raw(self, port='smtp'):
        """A socket that has read the greeting, and a function that sends and reads a reply."""
        s = socket.create_connection(('localhost', self.mail.ports[port]), 20)
        f = s.makefile('rb')

        def say(octets):
            if octets:
                s.sendall(octets)
            lines = []
            while True:
                line = f.readline()
                lines.append(line)
                if not line or line[3:4] != b'-':
                    return b''.join(lines).decode()
        say(b'')
        return s, say

    def test_message_through_port_25_is_filed_with_its_trace(self):
        self.mail.deliver(message('plain'), to='alice')
        c = self.mail.imap()
        c.select()
        _, found = c.search(None, 'SUBJECT', 'plain')
        _, data = c.fetch(found[0].split()[-1], '(RFC822)')
        text = data[0][1].decode()
        self.assertTrue(text.startswith('Return-Path: <someone@example.net>\r\n'), text[:200])
        self.assertRegex(text, r'\r\nReceived: from client\.example\.net ')
        self.assertTrue(text.endswith('\r\n\r\nHello.\r\n'))
        c.logout()

    def test_one_message_for_two_accounts(self):
        self.mail.deliver(message('for-two'), to='alice,bob')
        self.assertIn('for-two', self.subjects('alice'))
        self.assertIn('for-two', self.subjects('bob'))

    def test_refusals_at_rcpt(self):
        with self.mail.smtp() as c:
            c.ehlo()
            c.mail('someone@example.net')
            self.assertEqual(c.rcpt(f'nobody@{DOMAIN}')[0], 550)
            self.assertIn(c.rcpt('someone@elsewhere.example')[0], (550, 554))
            self.assertEqual(c.rcpt(f'alice+tag@{DOMAIN}')[0], 250)
            self.assertEqual(c.rcpt(f'Alice@{DOMAIN.upper()}')[0], 250)

    def test_alias_subaddress_and_catch_all(self):
        self.mail.ctl('alias', 'add', f'info@{DOMAIN}', f'carol@{DOMAIN}')
        self.mail.deliver(message('by-alias'), to='info')
        self.mail.deliver(message('by-tag'), to='carol+lists')
        self.assertEqual(self.subjects('carol')[-2:], ['by-alias', 'by-tag'])

    def test_no_auth_before_tls_and_none_on_25(self):
        with self.mail.smtp() as c:
            c.ehlo()
            self.assertNotIn('auth', c.esmtp_features)
            c.starttls(context=self.mail.context())
            c.ehlo()
            self.assertNotIn('auth', c.esmtp_features)
        c = smtplib.SMTP('localhost', self.mail.ports['submission'], timeout=20)
        c.ehlo()
        self.assertNotIn('auth', c.esmtp_features)
        self.assertEqual(c.mail(f'alice@{DOMAIN}')[0], 530)
        c.quit()

    def test_submission_over_starttls_and_implicit_tls(self):
        bob = f'bob@{DOMAIN}'
        with self.mail.submission('bob') as c:
            c.sendmail(bob, [f'alice@{DOMAIN}'], message('submitted', sender=bob))
        with smtplib.SMTP_SSL('localhost', self.mail.ports['submissions'],
                              context=self.mail.context(), timeout=20) as c:
            c.login(bob, PASSWORD)
            c.sendmail(bob, [f'alice@{DOMAIN}'], message('submitted-tls', sender=bob))
            with self.assertRaises(smtplib.SMTPSenderRefused):
                c.sendmail(f'alice@{DOMAIN}', [f'alice@{DOMAIN}'], message('spoof'))
            c.rset()
            c.mail(bob)
            self.assertEqual(c.rcpt('someone@elsewhere.example')[0], 250)
            c.rset()
        self.assertTrue({'submitted', 'submitted-tls'} <= set(self.subjects()))

    def test_wrong_password_is_the_same_as_unknown_user(self):
        answers = []
        for name in ('alice', 'nobody'):
            c = self.mail.submission(None)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as e:
                c.login(f'{name}@{DOMAIN}', 'wrong')
            answers.append(e.exception.args)
            c.close()
        self.assertEqual(answers[0], answers[1])

    def test_bare_line_feeds_and_carriage_returns_are_refused(self):
        attacks = (b'x\n.\r\n', b'x\r.\r\n', b'x\r\n.\n', b'x\n.\n', b'x\r\n.\r')
        for attack in attacks:
            s, say = self.raw()
            say(b'EHLO c\r\n')
            say(b'MAIL FROM:<a@example.net>\r\n')
            say(f'RCPT TO:<alice@{DOMAIN}>\r\n'.encode())
            self.assertTrue(say(b'DATA\r\n').startswith('354'))
            answer = say(b'Subject: smuggled\r\n\r\n' + attack +
                         f'MAIL FROM:<b@example.net>\r\nRCPT TO:<alice@{DOMAIN}>\r\nDATA\r\n'
                         'Subject: smuggled-inside\r\n\r\nx\r\n.\r\n'.encode())
            self.assertTrue(answer[:1] in ('5', ''), (attack, answer))
            s.close()
        self.assertFalse([x for x in self.subjects() if x.startswith('smuggled')])

    def test_starttls_drops_what_was_sent_before_it(self):
        s, say = self.raw('submission')
        say(b'EHLO c\r\n')
        s.sendall(b'STARTTLS\r\nEHLO injected\r\n')
        self.assertTrue(say(b'').startswith('220'))
        try:
            c = self.mail.context().wrap_socket(s, server_hostname='localhost')
            c.settimeout(3)
            c.sendall(b'NOOP\r\n')
            self.assertNotIn(b'250-', c.recv(1000))
        except OSError:
            pass

    def test_chunking(self):
        s, say = self.raw()
        self.assertIn('CHUNKING', say(b'EHLO c\r\n'))
        say(b'MAIL FROM:<a@example.net>\r\n')
        say(f'RCPT TO:<alice@{DOMAIN}>\r\n'.encode())
        first, last = b'Subject: chunked\r\n\r\n.dot\r\n', b'end\r\n'
        self.assertTrue(say(b'BDAT %d\r\n' % len(first) + first).startswith('250'))
        self.assertTrue(say(b'BDAT %d LAST\r\n' % len(last) + last).startswith('250'))
        s.close()
        self.assertIn('chunked', self.subjects())

    def test_size_limit_is_announced_and_enforced(self):
        with self.mail.smtp() as c:
            c.ehlo()
            limit = int(c.esmtp_features['size'])
            self.assertEqual(c.mail('a@example.net', [f'SIZE={limit + 1}'])[0], 552)

    def test_swaks_and_curl(self):
        run('swaks', '--server', f'localhost:{self.mail.ports["smtp"]}', '-tls', '--from',
            'x@example.net', '--to', f'bob@{DOMAIN}', '--header', 'Subject: by-swaks',
            '--pipeline', '--silent', '2')
        url = f'imaps://localhost:{self.mail.ports["imaps"]}/INBOX'
        out = run('curl', '-sS', '--cacert', self.mail.ca.cert, '-u',
                  f'bob@{DOMAIN}:{PASSWORD}', url, '-X', 'SEARCH SUBJECT by-swaks')
        self.assertRegex(out, r'\* SEARCH \d+')
        listing = run('curl', '-sS', '--cacert', self.mail.ca.cert, '-u',
                      f'bob@{DOMAIN}:{PASSWORD}',
                      f'pop3s://localhost:{self.mail.ports["pop3s"]}/')
        self.assertTrue(re.match(r'1 \d+\r?\n', listing), listing)

    def test_pop3_deletes_only_at_quit(self):
        self.mail.ctl_with_password('mailbox', 'add', f'dave@{DOMAIN}')
        self.mail.ctl('mailbox', 'set', f'dave@{DOMAIN}', '--pop3', 'on')
        for i in range(3):
            self.mail.deliver(message(f'pop-{i}'), to='dave')
        c = self.mail.pop3('dave')
        uidl = c.uidl()[1]
        self.assertEqual(len(uidl), 3)
        c.dele(2)
        c.close()
        c = self.mail.pop3('dave')
        self.assertEqual(c.uidl()[1], uidl)
        self.assertEqual(b'\r\n'.join(c.retr(1)[1])[-6:], b'Hello.')
        self.assertIn(b'Subject: pop-2', c.top(3, 0)[1])
        c.dele(2)
        c.quit()
        c = self.mail.pop3('dave')
        self.assertEqual([u.split()[1] for u in c.uidl()[1]],
                         [uidl[0].split()[1], uidl[2].split()[1]])
        c.quit()

    def test_pop3_can_be_switched_off(self):
        self.mail.ctl_with_password('mailbox', 'add', f'erin@{DOMAIN}')
        with self.assertRaises(Exception):
            self.mail.pop3('erin')
        self.mail.ctl('mailbox', 'set', f'erin@{DOMAIN}', '--pop3', 'on')
        self.mail.pop3('erin').quit()

    def test_clear_text_ports_do_not_exist(self):
        for process in self.mail.processes.values():
            listening = subprocess.run(['ss', '-Hltnp'], stdout=subprocess.PIPE,
                                       universal_newlines=True, check=False).stdout
            self.assertNotRegex(listening, rf':(143|110)\s.*pid={process.pid},')


if __name__ == '__main__':
    harness.main('__main__')
