"""Mail to and from Postfix, Exim and OpenSMTPD, and through each of them."""
import email
import re
import smtplib
import time
import unittest

import harness
import mta
from instance import DOMAIN, Instance
from peers import MailServer, Names

SINK = '127.0.61.9'  # where peers hand on the mail of their domain
PLAIN = '127.0.61.8'  # of plain. below it
ADDRESS = {'postfix': '127.0.61.1', 'exim': '127.0.61.2', 'opensmtpd': '127.0.61.3'}
SETTINGS = 'sending:\n  port: %d\n  retry_seconds: 1\n  retry_max_seconds: 2\n'
BODIES = {
    'dots': '.\r\n..\r\n.a\r\n\r\n.\r\nQUIT\r\n.\r\n\r\n..end.\r\n',
    'empty': '',
    'lines': ('x' * 990 + '\r\n') * 3 + '\r\n' * 5,
    'latin': 'Gr\u00fc\u00dfe aus K\u00f6ln, \u65e5\u672c\u8a9e\r\n',
    'large': ('z' * 75 + '\r\n') * 10000,
    'blanks': ' \r\n\t\r\nx \t\r\nFrom me\r\n\r\n\r\n',
}
ENVID, ORCPT = 'a+2Bb+3Dc', 'rfc822;first+2Bone@elsewhere.test'
DSN_MAIL = ['RET=HDRS', 'ENVID=' + ENVID]
DSN_RCPT = ['NOTIFY=SUCCESS,FAILURE', 'ORCPT=' + ORCPT]


def wait_until(what, seconds=30):
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError('it does not come')
        time.sleep(0.02)


def text(subject, body='Hello.\r\n', sender=f'alice@{DOMAIN}'):
    return (f'From: {sender}\r\nTo: you@elsewhere.test\r\nSubject: {subject}\r\n'
            'Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n'
            f'Message-ID: <{subject}@example.net>\r\nMIME-Version: 1.0\r\n'
            'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n'
            f'\r\n{body}').encode()


def words(line):
    """The parameters behind an address, in any order and case of their names."""
    return {w.split('=', 1)[0].upper(): w.split('=', 1)[-1] for w in line.split()[1:]}


class World:
    """One Vectis, a name server and the sink, for all peers."""


def setUpModule():
    World.names = Names()
    World.sink = MailServer(SINK)
    World.sink.replies['RCPT'] = lambda line: (
        '550 5.7.1 not wanted' if 'unwanted' in line else None)
    World.plain = MailServer(PLAIN, World.sink.port, extensions=('PIPELINING', '8BITMIME'))
    World.names.add('sink.test', 'MX', '10 mx1.sink.test')
    World.names.add('mx1.sink.test', 'A', SINK)
    World.mail = Instance(settings=SETTINGS % World.sink.port + World.names.settings(),
                          pop3=False, daemons=('smtpd', 'imapd'))
    World.mail.__enter__()
    World.mail.ctl('alias', 'add', f'away@{DOMAIN}', 'far@sink.test')
    World.mail.ctl('alias', 'add', f'g\u00fcnter@{DOMAIN}', f'bob@{DOMAIN}')


def tearDownModule():
    World.mail.__exit__(None, None, None)
    World.sink.stop()
    World.plain.stop()


class Interop:
    @classmethod
    def setUpClass(cls):
        mail, address = World.mail, ADDRESS[cls.kind.name]
        cls.peer = cls.kind(address, World.sink.port, (SINK, World.sink.port),
                            (PLAIN, World.sink.port), ('127.0.0.1', mail.ports['smtp']),
                            mail.ca)
        cls.domain = cls.peer.domain
        for domain in (cls.domain, 'plain.' + cls.domain):
            World.names.add(domain, 'MX', f'10 mx1.{cls.domain}')
        World.names.add(f'mx1.{cls.domain}', 'A', address)
        cls.peer.start()

    @classmethod
    def tearDownClass(cls):
        cls.peer.stop()

    def run(self, result=None):
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad:
            print(self.peer.log()[-3000:])

    # --- from us, through the peer, to the sink ------------------------------------

    def send(self, octets, *to, mail=(), rcpt=(), sender='alice'):
        with World.mail.submission(sender) as s:
            s.sendmail(f'{sender}@{DOMAIN}', [f'{n}@{self.domain}' for n in to], octets, mail,
                       rcpt)

    def at_sink(self, subject):
        return [m for m in World.sink.messages if f'Subject: {subject}\r\n'.encode() in m[2]]

    def subject(self, name):
        return f'{self.peer.name}-{name}'

    def test_every_body_comes_through(self):
        for name, body in BODIES.items():
            self.send(text(self.subject(name), body), 'x', mail=['BODY=8BITMIME'])
        for name, body in BODIES.items():
            found = wait_until(lambda n=name: self.at_sink(self.subject(n)))
            self.assertEqual(len(found), 1)
            got = found[0][2]
            self.assertEqual(got.split(b'\r\n\r\n', 1)[1], body.encode(), name)
            # TLS on the way from us, and our name in the trace of the peer
            received = re.search(rb'Received: from [^\0]*?\r\n(?=\S)', got)[0]
            self.assertIn(b'mail.example.test', received)
            self.assertEqual(bool(re.search(rb'with (?i:esmtps)\b', received)),
                             self.peer.tls_works, received)
            self.assertIn(b'DKIM-Signature:', got)

    def test_where_tls_fails_it_is_left_away_and_told(self):
        said = World.mail.log('smtpd')
        self.assertEqual(
            f'sending in the clear" host=mx1.{self.domain} ' in said, not self.peer.tls_works)

    def test_what_a_peer_takes_in_chunks_goes_in_chunks(self):
        self.send(text(self.subject('chunks'), BODIES['large']), 'x')
        wait_until(lambda: self.at_sink(self.subject('chunks')))
        self.assertEqual(bool(wait_until(self.saw_chunks, 10) if self.peer.chunking
                              else self.saw_chunks()), self.peer.chunking)

    def saw_chunks(self):
        return re.search(r'bdat=\d|<= .* K ', self.peer.log())

    def test_dsn_parameters_pass_the_peer(self):
        self.send(text(self.subject('dsn')), 'x', mail=DSN_MAIL, rcpt=DSN_RCPT)
        sender, to, _, _ = wait_until(lambda: self.at_sink(self.subject('dsn')))[0]
        self.assertTrue(sender.startswith(f'<alice@{DOMAIN}>'), sender)
        self.check_dsn(sender, to[0])

    def check_dsn(self, sender, to):
        self.assertEqual(words(sender)['RET'], 'HDRS')
        self.assertEqual(words(sender)['ENVID'], ENVID)
        self.assertEqual(set(words(to)['NOTIFY'].split(',')), {'SUCCESS', 'FAILURE'})
        self.assertEqual(words(to)['ORCPT'].lower(), ORCPT.lower())

    def test_never_and_delay_pass_the_peer(self):
        for notify in ('NEVER', 'DELAY'):
            subject = self.subject('notify-' + notify.lower())
            self.send(text(subject), 'x', mail=['RET=FULL'], rcpt=['NOTIFY=' + notify])
            sender, to, _, _ = wait_until(lambda s=subject: self.at_sink(s))[0]
            self.assertEqual(words(sender)['RET'], 'FULL')
            self.assertEqual(words(to[0])['NOTIFY'], notify)

    def test_many_recipients_and_many_messages(self):
        with World.mail.submission('alice') as s:
            for i in range(60):
                s.sendmail(f'alice@{DOMAIN}', [f'u{i}-{k}@{self.domain}' for k in range(3)],
                           text(self.subject(f'many-{i}.')))
        prefix = f'Subject: {self.peer.name}-many-'.encode()

        def found():
            return sorted(a.split('>')[0][1:] for m in World.sink.messages if prefix in m[2]
                          for a in m[1])
        wait_until(lambda: len(found()) >= 180)
        time.sleep(0.2)
        self.assertEqual(found(), sorted(f'u{i}-{k}@{self.domain}' for i in range(60)
                                         for k in range(3)))

    # --- reports --------------------------------------------------------------------

    def reports(self, user, subject):
        c = World.mail.imap(user)
        c.select()
        _, found = c.search(None, 'BODY', f'"{subject}"')
        texts = [c.fetch(n, '(RFC822)')[1][0][1] for n in found[0].split()]
        c.logout()
        parsed = [email.message_from_bytes(t) for t in texts]
        return [m for m in parsed  # OpenSMTPD says multipart/mixed
                if any(p.get_content_type() == 'message/delivery-status' for p in m.walk())]

    def about(self, report):
        """The fields of the message and of its first recipient."""
        status = [p for p in report.get_payload()
                  if p.get_content_type() == 'message/delivery-status'][0]
        return status.get_payload()[0], status.get_payload()[1]

    def test_one_whom_the_peer_refuses_is_told(self):
        subject = self.subject('gone')
        self.send(text(subject, sender=f'bob@{DOMAIN}'), 'gone', 'x', mail=DSN_MAIL,
                  rcpt=DSN_RCPT, sender='bob')
        report = wait_until(lambda: self.reports('bob', subject))[0]
        message, recipient = self.about(report)
        self.assertEqual(message['Original-Envelope-Id'], 'a+b=c')
        self.assertEqual(recipient['Final-Recipient'], f'rfc822; gone@{self.domain}')
        self.assertEqual(recipient['Original-Recipient'], 'rfc822; first+one@elsewhere.test')
        self.assertEqual(recipient['Action'], 'failed')
        self.assertTrue(recipient['Status'].startswith('5.'))
        self.assertRegex(recipient['Diagnostic-Code'], r'550')
        self.assertIn('mx1.' + self.domain, recipient['Remote-MTA'])
        self.assertEqual(len(wait_until(lambda: self.at_sink(subject))), 1)

    def test_a_report_that_the_peer_writes_comes_home(self):
        subject = self.subject('bounced')
        self.send(text(subject, sender=f'bob@{DOMAIN}'), 'unwanted', mail=DSN_MAIL,
                  rcpt=DSN_RCPT, sender='bob')
        report = wait_until(lambda: self.reports('bob', subject))[0]
        self.assertEqual(report['Return-Path'], '<>')
        self.assertIn('with ESMTPS', report['Received'])
        message, recipient = self.about(report)
        self.assertIn(self.domain, message['Reporting-MTA'])
        self.assertEqual(recipient['Action'], 'failed')
        self.assertIn('5.', recipient['Status'])
        if self.peer.reports_originals:
            self.assertEqual(message['Original-Envelope-Id'], 'a+b=c'
                             if self.peer.decodes_envid else ENVID)
            self.assertIn('first', recipient['Original-Recipient'])

    def test_success_ends_where_a_server_has_no_dsn(self):
        subject = self.subject('no-dsn')
        with World.mail.submission('bob') as c:
            c.sendmail(f'bob@{DOMAIN}', ['x@plain.' + self.domain],
                       text(subject, sender=f'bob@{DOMAIN}'), DSN_MAIL, DSN_RCPT)
        found = wait_until(lambda: [m for m in World.plain.messages if subject.encode() in m[2]])
        self.assertEqual(found[0][1], [f'<x@plain.{self.domain}>'])
        message, recipient = self.about(wait_until(lambda: self.reports('bob', subject))[0])
        self.assertEqual(recipient['Action'], self.peer.success)
        self.assertIn(self.domain, message['Reporting-MTA'])

    def test_nobody_here_is_reported_by_the_peer(self):
        subject = self.subject('unknown')
        self.hand_over(text(subject, sender='s@sink.test'), f'nobody-at-all@{DOMAIN}')
        found = wait_until(lambda: [m for m in World.sink.messages
                                    if m[0].startswith('<>') and subject.encode() in m[2]])
        self.assertTrue(found[0][1][0].startswith('<s@sink.test>'))
        self.assertIn(b'no such mailbox', found[0][2])

    # --- from the peer to us --------------------------------------------------------

    def hand_over(self, octets, *to, mail=(), rcpt=(), sender='s@sink.test'):
        """As somebody else's client would."""
        with smtplib.SMTP(self.peer.address, self.peer.port, 'client.sink.test',
                          timeout=30) as s:
            s.sendmail(sender, list(to), octets, mail, rcpt)

    def filed(self, user, subject):
        c = World.mail.imap(user)
        c.select()
        _, found = c.search(None, 'SUBJECT', f'"{subject}"')
        got = [c.fetch(n, '(BODY.PEEK[])')[1][0][1] for n in found[0].split()]
        c.logout()
        return got

    def test_we_file_every_body(self):
        for name, body in BODIES.items():
            self.hand_over(text(self.subject('in-' + name), body, sender='s@sink.test'),
                           f'alice@{DOMAIN}', f'bob@{DOMAIN}', mail=['BODY=8BITMIME'])
        for name, body in BODIES.items():
            for user in ('alice', 'bob'):
                found = wait_until(lambda n=name, u=user: self.filed(u, self.subject('in-' + n)))
                self.assertEqual(len(found), 1)
                self.assertEqual(found[0].split(b'\r\n\r\n', 1)[1], body.encode(), name)
                self.assertTrue(found[0].startswith(b'Return-Path: <s@sink.test>\r\n'))
                first = re.search(rb'Received: from [^\0]*?\r\n(?=\S)', found[0])[0]
                self.assertIn(b'Received: from mx1.' + self.domain.encode(), first)
                self.assertIn(b'using TLS1.', first)
                self.assertIn(b'with ESMTPS', first)
        if self.peer.sends_chunks:
            self.assertRegex(self.peer.log(), r'=> alice.* K C=|=> bob.* K C=')

    def test_dsn_parameters_pass_us(self):
        subject = self.subject('dsn-in')
        self.hand_over(text(subject, sender='s@sink.test'), f'away@{DOMAIN}', mail=DSN_MAIL,
                       rcpt=DSN_RCPT)
        sender, to, _, _ = wait_until(lambda: self.at_sink(subject))[0]
        self.assertTrue(sender.startswith('<SRS0='), sender)
        self.assertTrue(to[0].startswith('<far@sink.test>'))
        self.check_dsn(sender, to[0])

    # --- addresses in UTF-8 -----------------------------------------------------------

    def test_utf8_addresses_to_the_peer(self):
        subject = self.subject('utf8')
        with World.mail.submission('bob') as s:
            s.ehlo()
            s.mail(f'bob@{DOMAIN}', ['SMTPUTF8', 'BODY=8BITMIME'])
            s.send(f'RCPT TO:<j\u00f6rg@{self.domain}>\r\n'.encode())
            self.assertEqual(s.getreply()[0], 250)
            s.data(text(subject, sender=f'bob@{DOMAIN}'))
        if self.peer.utf8:
            found = wait_until(lambda: self.at_sink(subject))[0]
            self.assertTrue(found[1][0].startswith(f'<j\u00f6rg@{self.domain}>'), found[1])
            self.assertIn('SMTPUTF8', found[0])
            self.assertRegex(found[2], rb'(?i)with UTF8SMTPS|with ESMTPS|with utf8esmtps')
        else:
            report = wait_until(lambda: self.reports('bob', subject))[0]
            self.assertIn('5.6.7', report.as_string())
            self.assertFalse(self.at_sink(subject))

    def test_utf8_addresses_from_the_peer(self):
        if not self.peer.utf8:
            self.skipTest(self.peer.name + ' has no SMTPUTF8')
        subject = self.subject('utf8-in')
        self.send_utf8_to_peer(subject, f'g\u00fcnter@{DOMAIN}')
        found = wait_until(lambda: self.filed('bob', subject))
        self.assertIn(b'with UTF8SMTPS', found[0])
        self.assertIn('for <g\u00fcnter@'.encode(), found[0])

    def send_utf8_to_peer(self, subject, to):
        with smtplib.SMTP(self.peer.address, self.peer.port, 'client.sink.test',
                          timeout=30) as s:
            s.ehlo()
            s.mail('s@sink.test', ['SMTPUTF8', 'BODY=8BITMIME'])
            s.send(f'RCPT TO:<{to}>\r\n'.encode())
            self.assertEqual(s.getreply()[0], 250)
            s.data(text(subject, sender='s@sink.test'))


class WithPostfix(Interop, unittest.TestCase):
    kind = mta.Postfix


class WithExim(Interop, unittest.TestCase):
    kind = mta.Exim


class WithOpenSmtpd(Interop, unittest.TestCase):
    kind = mta.OpenSmtpd


if __name__ == '__main__':
    harness.main('__main__')
