"""Mail from other servers: who sends it is looked into before it is taken."""
import contextlib
import email
import json
import re
import signal
import smtplib
import socket
import time
import unittest

import harness
from instance import DOMAIN, Instance, message
from peers import MailServer, Names

SETTINGS = '''workers: 2
smtp:
  blocklists: ["bl.test", "light.bl.test 4 127.0.0.3", "dead.bl.test", "refusing.bl.test"]
  connections_per_minute: 60
  messages_per_minute: 40
  recipients_per_minute: 50
'''


def reversed_name(address, zone):
    return '.'.join(reversed(address.split('.'))) + '.' + zone


class Receiving(unittest.TestCase):
    """Clients have addresses 127.0.x.y: only 127.0.0.1 is trusted."""

    @classmethod
    def setUpClass(cls):
        cls.names = n = Names()
        for zone in ('bl.test', 'light.bl.test'):
            n.add('2.0.0.127.' + zone, 'A', '127.0.0.2')
        n.add('x.refusing.bl.test', 'A', '127.0.0.9')
        for point in ('1', '2'):
            n.add(f'{point}.0.0.127.refusing.bl.test', 'A', '127.255.255.254')
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.mail = Instance(settings=SETTINGS + f'sending:\n  port: {cls.port}\n' +
                            n.settings('test', '127.in-addr.arpa'), pop3=False)
        cls.mail.__enter__()
        cls.count = 0
        end = time.monotonic() + 30  # each worker has looked at the test points of two lists
        while cls.mail.log('smtpd').count('blocklist works') < 4 and time.monotonic() < end:
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def client(self, name=None, helo=None):
        """A new address; with a name it has one that leads back, and is its HELO."""
        type(self).count += 1
        address = f'127.0.9.{self.count}'
        if name:
            self.names.add(reversed_name(address, 'in-addr.arpa'), 'PTR', name)
            self.names.add(name, 'A', address)
        s = smtplib.SMTP('127.0.0.1', self.mail.ports['smtp'], local_hostname=helo or name or 'mail.peer.test',
                         source_address=(address, 0), timeout=30)
        self.addCleanup(s.close)
        s.ehlo()
        s.address = address
        return s

    def deliver(self, s, sender, text=None, to=f'alice@{DOMAIN}', subject=None):
        """The id of the message, from the answer."""
        code, answer = self.attempt(s, sender, text, to, subject)
        self.assertEqual(code, 250, answer)
        return answer.decode().split()[-1]

    def attempt(self, s, sender, text=None, to=f'alice@{DOMAIN}', subject=None):
        s.rset()
        code, answer = s.mail(sender)
        if code == 250:
            code, answer = s.rcpt(to)
        if code == 250:
            code, answer = s.data(text or message(subject or 'x', 'Hello.\r\n', sender=sender))
        return code, answer

    def why(self, word, event=None):
        """The newest event, once it is there: those of refusals are written each second."""
        end = time.monotonic() + 10
        while True:
            with contextlib.suppress(RuntimeError):
                for e in json.loads(self.mail.ctl('why', word, '--json'))['events']:
                    if event in (None, e['event']):
                        return e
            if time.monotonic() > end:
                raise AssertionError(f'nothing is known of {word}')
            time.sleep(0.1)

    def checks(self, event):
        return {c['check']: (c['result'], c['detail']) for c in event['checks']}

    def fetch(self, subject, mailbox='INBOX'):
        with self.mail.imap('alice') as m:
            m.select(mailbox)
            _, found = m.search(None, 'SUBJECT', subject)
            uids = found[0].split()
            self.assertEqual(len(uids), 1, f'{subject} in {mailbox}: {found}')
            return m.fetch(uids[0], '(BODY.PEEK[])')[1][0][1]

    def results(self, octets):
        return [re.sub(r'\s+', ' ', v) for v in
                email.message_from_bytes(octets).get_all('Authentication-Results', [])]

    def test_what_was_found_stands_before_the_message(self):
        self.names.add('good.test', 'TXT', 'v=spf1 ip4:127.0.9.0/24 -all')
        self.names.add('_dmarc.good.test', 'TXT', 'v=DMARC1; p=reject')
        s = self.client('mail.good.test')
        token = self.deliver(s, 'a@good.test', subject='found-one-x')
        octets = self.fetch('found-one-x')
        self.assertTrue(octets.startswith(b'Return-Path: <a@good.test>\r\nReceived: from mail.good.test'), octets[:200])
        (field,) = self.results(octets)
        self.assertIn(f'mail.{DOMAIN};', field)
        for part in (f'iprev=pass policy.iprev={s.address}', 'spf=pass smtp.mailfrom=a@good.test',
                     'dkim=none', 'dmarc=pass header.from=good.test'):
            self.assertIn(part, field)
        event = self.why(token)
        self.assertEqual(event['event'], 'accepted')
        self.assertEqual(event['sender'], 'a@good.test')
        self.assertEqual(event['recipients'], f'alice@{DOMAIN}')
        self.assertEqual(event['subject'], 'found-one-x')
        self.assertEqual(event['address'], s.address)
        self.assertEqual(event['host'], 'mail.good.test')
        self.assertEqual(event['size'], len(octets))
        checks = self.checks(event)
        self.assertEqual(checks['name'], ('pass', 'mail.good.test'))
        self.assertEqual(checks['bl.test'], ('not listed', ''))
        self.assertEqual(checks['spf'][0], 'pass')
        self.assertEqual(checks['dmarc'][0], 'pass')
        self.assertNotIn('dead.bl.test', checks)  # its test points are not there
        self.assertNotIn('refusing.bl.test', checks)
        words = self.mail.ctl('why', token)
        self.assertIn('may it send for the sender\'s domain (SPF): pass', words)

    def test_forged_results_are_taken_out(self):
        s = self.client('mail.forger.test')
        text = ((f'Authentication-Results: mail.{DOMAIN}; dkim=pass header.d=bank.test\r\n'
                 'Authentication-Results: elsewhere.test; dkim=pass header.d=other.test\r\n').encode()
                + message('found-two-x', 'Hello.\r\n', sender='a@forger.test'))
        self.deliver(s, 'a@forger.test', text)
        fields = self.results(self.fetch('found-two-x'))
        self.assertEqual(len(fields), 2, fields)
        self.assertNotIn('bank.test', ' '.join(fields))
        self.assertIn('elsewhere.test', fields[1])

    def test_a_first_line_that_goes_on_is_no_header(self):
        s = self.client('mail.goon.test')
        self.deliver(s, 'a@goon.test', b' for <mallory@evil.test>\r\nSubject: found-three-x\r\n\r\nx\r\n')
        with self.mail.imap('alice') as m:
            m.select()
            _, found = m.search(None, 'BODY', 'mallory@evil.test')
            (uid,) = found[0].split()
            octets = m.fetch(uid, '(BODY.PEEK[HEADER])')[1][0][1]
        self.assertNotIn(b'mallory', octets)

    def test_nobody_speaks_to_the_terminal_of_the_operator(self):
        s = self.client('mail.escape.test')
        text = message('x', 'x\r\n', sender='a@escape.test').replace(
            b'Subject: x', b'Subject: \x1b]0;owned\x07 \xc2\x9b2J gr\xc3\xbc\xc3\x9f')
        token = self.deliver(s, 'a@escape.test', text)
        words = self.mail.ctl('why', token)
        self.assertIn('?]0;owned? ??2J gr\u00fc\u00df', words)
        self.assertNotIn('\x1b', words)

    def test_large_messages_have_their_results_in_front(self):
        s = self.client('mail.large.test')
        body = ('x' * 70 + '\r\n') * 20000
        token = self.deliver(s, 'a@large.test', message('found-four-x', body, sender='a@large.test'))
        octets = self.fetch('found-four-x')
        (field,) = self.results(octets)
        self.assertIn('spf=none', field)
        self.assertTrue(octets.endswith(body.encode()[-5000:]))
        self.assertEqual(self.why(token)['size'], len(octets))

    def test_dmarc_refuses_and_files_as_junk(self):
        for name, policy in (('reject', 'reject'), ('quarantine', 'quarantine'), ('none', 'none')):
            self.names.add(f'{name}.test', 'TXT', 'v=spf1 -all')
            self.names.add(f'_dmarc.{name}.test', 'TXT', f'v=DMARC1; p={policy}')
        s = self.client('mail.dmarc.test')
        code, answer = self.attempt(s, 'a@reject.test', subject='found-five-x')
        self.assertEqual(code, 550, answer)
        self.assertIn(b'5.7.26', answer)
        event = self.why('a@reject.test')
        self.assertEqual(event['event'], 'refused')
        self.assertEqual(self.checks(event)['policy'][0], 'refused')
        self.deliver(s, 'a@quarantine.test', subject='found-six-x')
        self.fetch('found-six-x', 'Junk')
        self.deliver(s, 'a@none.test', subject='found-seven-x')
        self.assertIn('dmarc=fail', self.results(self.fetch('found-seven-x'))[0])

    def test_signatures_prove_an_author(self):
        away = MailServer('127.0.9.250', self.port)
        self.addCleanup(away.stop)
        self.names.add('away.test', 'MX', '10 mx.away.test')
        self.names.add('mx.away.test', 'A', '127.0.9.250')
        for key in json.loads(self.mail.ctl('domain', 'dkim', DOMAIN, '--json'))['dkim']:
            self.names.add(key['name'].rstrip('.'), 'TXT', key['value'])
        with self.mail.submission() as s:
            s.sendmail(f'alice@{DOMAIN}', ['x@away.test'],
                       message('signed', 'Signed.\r\n', sender=f'alice@{DOMAIN}'))
        end = time.monotonic() + 20
        while not away.messages and time.monotonic() < end:
            time.sleep(0.05)
        signed = away.messages[0][2]
        # a list sends it back as it was
        s = self.client('mail.away.test')
        code, answer = self.attempt(s, 'list@away.test', signed)
        self.assertEqual(code, 250, (answer, signed, self.why('list@away.test')))
        field = self.results(self.fetch('signed'))[0]
        self.assertEqual(field.count('dkim=pass'), 2, field)
        self.assertIn(f'header.d={DOMAIN}', field)
        self.assertIn('header.a=rsa-sha256', field)
        self.assertIn('header.a=ed25519-sha256', field)
        # and another changes it
        code, answer = self.attempt(s, 'list@away.test', signed.replace(b'Signed.', b'Forged.'))
        self.assertEqual(code, 550, answer)
        event = self.why('list@away.test', 'refused')
        self.assertEqual([c['result'] for c in event['checks'] if c['check'] == 'dkim'], ['fail', 'fail'])

    def test_a_listed_client_is_refused_but_by_postmaster(self):
        s = self.client('mail.listed.test')
        self.names.add(reversed_name(s.address, 'bl.test'), 'A', '127.0.0.4')
        code, answer = self.attempt(s, 'a@listed.test')
        self.assertEqual(code, 550)
        self.assertIn(f'your address {s.address} is listed by bl.test'.encode(), answer)
        event = self.why('a@listed.test')
        self.assertEqual(self.checks(event)['bl.test'], ('listed', '127.0.0.4'))
        self.assertEqual(event['reason'], f'your address {s.address} is listed by bl.test')
        self.deliver(s, 'b@listed.test', to=f'postmaster@{DOMAIN}', subject='to-postmaster')
        self.deliver(s, 'b@listed.test', to='postmaster', subject='to-postmaster-too')

    def test_refusals_of_lists_are_no_listings(self):
        s = self.client('mail.notlisted.test')
        self.names.add(reversed_name(s.address, 'bl.test'), 'A', '127.255.255.254')
        self.names.add(reversed_name(s.address, 'refusing.bl.test'), 'A', '127.0.0.2')
        token = self.deliver(s, 'a@notlisted.test', subject='found-eight-x')
        self.assertEqual(self.checks(self.why(token))['bl.test'][0], 'refuses to answer')

    def test_small_things_add_up(self):
        s = self.client(helo='nohost')
        self.names.add(reversed_name(s.address, 'light.bl.test'), 'A', '127.0.0.3')
        self.names.add('spoofed.test', 'TXT', 'v=spf1 -all')
        code, answer = self.attempt(s, 'a@spoofed.test')
        self.assertEqual(code, 550, answer)
        checks = self.checks(self.why('a@spoofed.test'))
        self.assertEqual(checks['name'][0], 'none')
        self.assertEqual(checks['helo'], ('is no full host name', 'nohost'))
        self.assertEqual(checks['policy'], ('refused', 'score 13 of 10 (smtp.refuse_score)'))
        self.deliver(s, 'a@nospf.test', subject='found-nine-x')  # 9

    def test_who_claims_to_be_us_is_suspect(self):
        s = self.client(helo=DOMAIN)
        code, answer = self.attempt(s, 'a@claims.test')
        self.assertEqual(code, 550, answer)
        self.assertIn(b'HELO claims to be this server', answer)

    def test_nobody_else_sends_in_our_name(self):
        s = self.client('mail.spoofer.test')
        code, answer = self.attempt(s, f'bob@{DOMAIN}')
        self.assertEqual(code, 550, answer)
        self.assertIn(b'submitted with a login', answer)
        # the author, when nothing at all is proved
        code, answer = self.attempt(s, 'a@spoofer.test', message('x', 'x\r\n', sender=f'bob@{DOMAIN}'))
        self.assertEqual(code, 550, answer)
        # a list that says who it is may pass on what one of us wrote to it
        self.names.add('list.test', 'TXT', 'v=spf1 ip4:127.0.9.0/24 -all')
        self.deliver(s, 'l@list.test', message('by-a-list', 'x\r\n', sender=f'bob@{DOMAIN}'))
        self.fetch('by-a-list')

    def test_a_backup_mx_that_spf_names_may(self):
        s = self.client('backup.mx.test')
        self.names.records.pop(DOMAIN, None)
        self.names.add(DOMAIN, 'TXT', f'v=spf1 ip4:{s.address} -all')
        try:
            self.deliver(s, f'bob@{DOMAIN}', message('by-backup', 'x\r\n', sender=f'bob@{DOMAIN}'))
        finally:
            del self.names.records[DOMAIN]

    def test_several_from_fields_are_refused(self):
        s = self.client('mail.two.test')
        code, answer = self.attempt(s, 'a@two.test', b'From: a@two.test\r\n' + message('x', 'x\r\n', sender='b@two.test'))
        self.assertEqual(code, 550)
        self.assertIn(b'5.6.0', answer)

    def test_what_cannot_be_looked_up_comes_later(self):
        self.names.broken.add('_dmarc.broken.test')
        s = self.client('mail.broken.test')
        code, answer = self.attempt(s, 'a@broken.test')
        self.assertEqual(code, 451, answer)
        self.assertIn(b'4.7.24', answer)
        self.names.broken.discard('_dmarc.broken.test')
        self.names.add('_dmarc.broken.test', 'TXT', 'v=DMARC1; p=none')
        time.sleep(6)  # a failure is remembered for five seconds
        self.deliver(s, 'a@broken.test', subject='found-ten-x')

    def test_blocked_networks(self):
        s = self.client('mail.blocked.test')
        with self.assertRaisesRegex(RuntimeError, 'is in the network'):
            self.mail.ctl('block', 'add', s.address + '/24')
        self.deliver(s, 'a@blocked.test', subject='before')
        self.mail.ctl('block', 'add', s.address, '--reason', 'abuse of June')
        try:
            code, answer = self.attempt(s, 'a@blocked.test')
            self.assertEqual(code, 554)
            self.assertNotIn(b'June', answer)
            self.assertIn('abuse of June', self.why('a@blocked.test', 'refused')['reason'])
            self.assertIn(s.address, self.mail.ctl('block', 'list'))
            self.assertEqual(json.loads(self.mail.ctl('block', 'list', '--json'))['blocks'][0]['network'], s.address)
        finally:
            self.mail.ctl('block', 'remove', s.address)
        self.deliver(s, 'a@blocked.test', subject='after')
        with self.assertRaisesRegex(RuntimeError, 'is no network'):
            self.mail.ctl('block', 'add', 'nowhere')
        with self.assertRaisesRegex(RuntimeError, 'there is no'):
            self.mail.ctl('block', 'remove', '192.0.2.0/24')

    def test_the_host_itself_is_trusted(self):
        with smtplib.SMTP('127.0.0.1', self.mail.ports['smtp']) as s:
            s.sendmail(f'bob@{DOMAIN}', [f'alice@{DOMAIN}'], message('by-cron', 'x\r\n', sender=f'root@{DOMAIN}'))
        self.assertEqual(self.results(self.fetch('by-cron')), [])

    def test_the_rate_of_a_network_is_limited(self):
        s = self.client('mail.eager.test')
        codes = []
        for i in range(45):
            s.rset()
            codes.append(s.mail('a@eager.test')[0])
        if time.localtime().tm_sec > 2:  # else a new minute may have begun
            self.assertIn(450, codes)
        self.assertEqual(codes[0], 250)
        self.assertEqual(self.why('a@eager.test', 'refused')['reason'], 'too many messages from this network in this minute')
        other = self.client('mail.calm.test')
        self.deliver(other, 'a@calm.test', subject='found-eleven-x')

    def test_a_recipient_too_many_gets_nothing(self):
        s = self.client('mail.wide.test')
        s.mail('a@wide.test')
        codes = [s.rcpt(f'alice+{i}@{DOMAIN}')[0] for i in range(120)]
        self.assertIn(450, codes)
        code, answer = s.data(message('to-many', 'x\r\n', sender='a@wide.test'))
        self.assertEqual(code, 250)
        event = self.why(answer.decode().split()[-1])
        self.assertEqual(len(event['recipients'].split()), codes.count(250))

    def test_connections_of_a_network_are_limited(self):
        type(self).count += 1
        address = f'127.0.9.{self.count}'
        answers = []
        for i in range(125):  # more than two minutes have
            with contextlib.closing(socket.create_connection(
                    ('127.0.0.1', self.mail.ports['smtp']), source_address=(address, 0))) as c:
                c.settimeout(10)
                answers.append(c.recv(1000))
        self.assertTrue(answers[0].startswith(b'220'))
        self.assertTrue(any(a.startswith(b'421 4.7.0') for a in answers), answers[-1])

    def test_nothing_is_known_of_what_was_not_there(self):
        with self.assertRaisesRegex(RuntimeError, 'nothing is known of'):
            self.mail.ctl('why', 'nobody@nowhere.test')


class Greylist(unittest.TestCase):
    def test_a_stranger_comes_back_later(self):
        names = Names()
        settings = 'smtp:\n  greylist: yes\n  greylist_seconds: 2\n  blocklists: []\n'
        with Instance(settings=settings + names.settings('test', '127.in-addr.arpa'), pop3=False) as mail:
            def attempt(sender='a@grey.test', address='127.0.8.1'):
                with smtplib.SMTP('127.0.0.1', mail.ports['smtp'], local_hostname='mail.grey.test',
                                  source_address=(address, 0)) as s:
                    s.ehlo()
                    s.mail(sender)
                    code, answer = s.rcpt(f'alice@{DOMAIN}')
                    return code
            self.assertEqual(attempt(), 450)
            self.assertEqual(attempt(), 450)
            time.sleep(2.2)
            self.assertEqual(attempt(), 250)
            self.assertEqual(attempt(address='127.0.8.77'), 250)  # the same network
            self.assertEqual(attempt(sender='b@grey.test'), 450)
            self.assertEqual(attempt(address='127.0.0.1'), 250)  # trusted
            mail.kill('smtpd', signal.SIGTERM)
            mail.start('smtpd')
            mail.wait_ready()
            self.assertEqual(attempt(), 250)


if __name__ == '__main__':
    harness.main('__main__')
