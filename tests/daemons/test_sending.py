"""Mail of users to other servers: through the queue, by DNS, whatever those servers do."""
import base64
import contextlib
import email
import json
import re
import smtplib
import time
import unittest

import harness
from instance import DOMAIN, Instance, message
from peers import MailServer, Names, dkim_pass

RETRY = '''sending:
  port: %d
  retry_seconds: 1
  retry_max_seconds: 2
'''


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError('it does not come')
        time.sleep(0.02)


def mine(subject, body='Hello.\r\n'):
    return message(subject, body, sender=f'alice@{DOMAIN}')


class Sending(unittest.TestCase):
    """Each test has domains of its own, d.test, with servers on 127.0.0.x."""

    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.mail = Instance(settings=RETRY % cls.port + cls.names.settings(), pop3=False)
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def setUp(self):
        self.peers = []

    def tearDown(self):
        for peer in self.peers:
            peer.stop()

    def peer(self, domain, address, preference=10, **kwargs):
        """A server of a domain."""
        p = MailServer(address, self.port, **kwargs)
        self.peers.append(p)
        host = f'mx{address.rsplit(".", 1)[1]}.{domain}'
        self.names.add(domain, 'MX', f'{preference} {host}')
        self.names.add(host, 'A', address)
        return p

    def send(self, *to, text=None, options=(), mail_options=(), sender='alice'):
        with self.mail.submission(sender) as s:
            s.sendmail(f'{sender}@{DOMAIN}', to, text or message('to-others', sender=f'{sender}@{DOMAIN}'),
                       mail_options, options)

    def test_a_message_goes_to_the_best_host(self):
        best = self.peer('one.test', '127.0.1.1', 5)
        other = self.peer('one.test', '127.0.1.2', 10)
        self.send('x@one.test', 'y@one.test')
        wait_until(lambda: best.messages)
        sender, to, octets, secure = best.messages[0]
        self.assertTrue(sender.startswith(f'<alice@{DOMAIN}>'), sender)
        self.assertEqual(to, ['<x@one.test>', '<y@one.test>'])
        self.assertRegex(octets, rb'^DKIM-Signature: [^\0]*\r\nReceived: from ')
        self.assertNotIn(b'Return-Path', octets)
        self.assertTrue(octets.endswith(b'\r\n\r\nHello.\r\n'), octets[-80:])
        self.assertFalse(secure)
        self.assertEqual(other.sessions, 0)
        time.sleep(0.5)
        self.assertEqual(len(best.messages), 1)

    def test_why_tells_what_became_of_a_message(self):
        good = self.peer('told.test', '127.0.31.1')
        self.peer('untold.test', '127.0.31.2', replies={'RCPT': '550 5.1.1 nobody here'})
        self.peer('later.test', '127.0.31.3', replies={'RCPT': '450 4.2.0 not now'})
        self.send('x@told.test', 'y@untold.test', 'z@later.test')
        wait_until(lambda: good.messages)

        def events(address):
            with contextlib.suppress(RuntimeError):
                return json.loads(self.mail.ctl('why', address, '--json'))['events']
            return []

        def newest(address):
            found = events(address)
            return found[0]['event'] if found else ''

        wait_until(lambda: newest('x@told.test') == 'sent')
        sent, accepted = events('x@told.test')
        self.assertEqual(accepted['event'], 'accepted')
        self.assertEqual(sent['id'], accepted['id'])
        self.assertEqual(sent['host'], 'mx1.told.test')
        self.assertEqual(accepted['login'], f'alice@{DOMAIN}')
        wait_until(lambda: newest('y@untold.test') == 'bounced')
        self.assertIn('nobody here', events('y@untold.test')[0]['reason'])
        wait_until(lambda: newest('z@later.test') == 'deferred')
        self.assertIn('not now', events('z@later.test')[0]['reason'])
        self.mail.ctl('queue', 'delete', sent['id'])
        self.assertEqual(newest('z@later.test'), 'removed')
        self.assertIn('sent', self.mail.ctl('why', sent['id']))

    def test_one_that_does_not_answer_is_passed_over(self):
        self.names.add('two.test', 'MX', '5 dead.two.test')
        self.names.add('dead.two.test', 'A', '127.0.2.9')
        angry = self.peer('two.test', '127.0.2.1', 7, replies={'GREETING': '554 5.3.2 no'})
        shut = self.peer('two.test', '127.0.2.2', 8, replies={'GREETING': 'CLOSE'})
        good = self.peer('two.test', '127.0.2.3', 9)
        self.send('x@two.test')
        wait_until(lambda: good.messages)
        self.assertEqual(angry.sessions, 1)
        self.assertEqual(shut.sessions, 1)

    def test_tls_is_used_where_it_is_offered(self):
        good = self.peer('three.test', '127.0.3.1',
                         tls=self.mail.ca.issue('three', hosts=('mx1.three.test',)))
        self.send('x@three.test')
        wait_until(lambda: good.messages)
        self.assertTrue(good.messages[0][3])

    def test_broken_tls_is_left_away(self):
        bad = self.peer('four.test', '127.0.4.1', replies={'STARTTLS': '220 2.0.0 go on'})
        bad.extensions.append('STARTTLS')
        self.send('x@four.test')
        wait_until(lambda: bad.messages)
        self.assertFalse(bad.messages[0][3])

    def test_later_is_tried_again(self):
        replies = {'RCPT': '450 4.2.0 later'}
        slow = self.peer('five.test', '127.0.5.1', replies=replies)
        self.send('x@five.test')
        wait_until(lambda: sum(line.startswith('RCPT') for line in slow.lines) >= 2)
        self.assertFalse(slow.messages)
        replies.clear()
        wait_until(lambda: slow.messages)

    def test_each_recipient_has_its_own_fate(self):
        tries = {}

        def rcpt(line):
            tries[line] = tries.get(line, 0) + 1
            return '451 4.2.1 later' if 'slow' in line and tries[line] == 1 else None
        peer = self.peer('six.test', '127.0.6.1', replies={'RCPT': rcpt})
        self.send('a@six.test', 'slow@six.test', 'b@six.test')
        wait_until(lambda: len(peer.messages) == 2)
        self.assertEqual(peer.messages[0][1], ['<a@six.test>', '<b@six.test>'])
        self.assertEqual(peer.messages[1][1], ['<slow@six.test>'])

    def test_it_survives_a_kill(self):
        replies = {'MAIL': '421 4.3.2 not now'}
        peer = self.peer('seven.test', '127.0.7.1', replies=replies)
        self.send('x@seven.test')
        wait_until(lambda: peer.sessions)
        self.mail.kill('smtpd')
        replies.clear()
        self.mail.start('smtpd')
        wait_until(lambda: peer.messages)
        self.assertEqual(len(peer.messages), 1)

    def test_names_that_do_not_answer_are_asked_again(self):
        self.names.broken.add('eight.test')
        peer = self.peer('eight.test', '127.0.8.1')
        self.send('x@eight.test')
        time.sleep(1.5)
        self.assertFalse(peer.messages)
        self.names.broken.discard('eight.test')
        wait_until(lambda: peer.messages, 40)

    def test_many_messages_share_connections(self):
        peer = self.peer('nine.test', '127.0.9.1')
        with self.mail.submission('alice') as s:
            for i in range(200):
                s.sendmail(f'alice@{DOMAIN}', [f'x{i}@nine.test'], mine(f'm{i}'))
        wait_until(lambda: len(peer.messages) == 200, 60)
        time.sleep(0.3)
        subjects = {re.search(rb'Subject: (\S+)', m[2])[1] for m in peer.messages}
        self.assertEqual(len(peer.messages), 200)
        self.assertEqual(len(subjects), 200)
        self.assertLess(peer.sessions, 100)

    def test_a_dead_domain_does_not_keep_others(self):
        self.names.add('ten.test', 'MX', '5 dead.ten.test')
        self.names.add('dead.ten.test', 'A', '127.0.10.9')
        peer = self.peer('eleven.test', '127.0.10.1')
        with self.mail.submission('alice') as s:
            for i in range(50):
                s.sendmail(f'alice@{DOMAIN}', [f'x{i}@ten.test'], mine(f'd{i}'))
            begin = time.monotonic()
            s.sendmail(f'alice@{DOMAIN}', ['x@eleven.test'], mine('alive'))
        wait_until(lambda: peer.messages, 3)
        self.assertLess(time.monotonic() - begin, 3)

    def test_a_message_waits_until_its_time(self):
        peer = self.peer('hold.test', '127.0.60.1')
        with self.mail.submission() as s:
            self.assertRegex(s.ehlo()[1], rb'FUTURERELEASE 2592000 \d{4}-\d\d-\d\dT')
            s.sendmail(f'alice@{DOMAIN}', ['x@hold.test'], mine('later'), ['HOLDFOR=5'])
            s.sendmail(f'alice@{DOMAIN}', ['y@hold.test'], mine('never'),
                       ['HOLDFOR=3600'])
            for bad in ('HOLDFOR=0', 'HOLDFOR=2592001', 'HOLDUNTIL=2026-02-30T00:00:00Z',
                        'HOLDFOR=5 HOLDUNTIL=2026-12-24T00:00:00Z',
                        'HOLDUNTIL=2099-01-01T00:00:00Z'):
                self.assertEqual(s.docmd(f'MAIL FROM:<alice@{DOMAIN}> {bad}')[0], 501, bad)
            self.assertEqual(s.docmd(f'MAIL FROM:<alice@{DOMAIN}> HOLDFOR=9')[0], 250)
            self.assertEqual(s.docmd(f'RCPT TO:<bob@{DOMAIN}>')[0], 550)
        found = {m['to'][0]['address']: m for m in self.queue('list')['messages']}
        waits = found['y@hold.test']
        self.assertEqual(waits['to'][0]['state'], 'scheduled')
        self.assertAlmostEqual(waits['release'], time.time() + 3600, delta=60)
        self.mail.ctl('queue', 'flush')  # all: nothing that its sender wants to wait
        time.sleep(1)
        self.assertFalse(peer.messages)
        wait_until(lambda: peer.messages)
        self.assertEqual(peer.messages[0][1], ['<x@hold.test>'])
        self.mail.ctl('queue', 'delete', waits['id'])
        self.assertFalse([m for m in self.queue('list')['messages']
                          if m['id'] == waits['id']])
        with self.mail.smtp() as s:
            self.assertNotIn(b'FUTURERELEASE', s.ehlo()[1])
            self.assertEqual(s.docmd('MAIL FROM:<x@hold.test> HOLDFOR=9')[0], 555)

    def queue(self, *args):
        return json.loads(self.mail.ctl('queue', *args, '--json'))

    def test_the_operator_sees_and_moves_the_queue(self):
        replies = {'RCPT': '450 4.2.0 the box is busy'}
        peer = self.peer('twelve.test', '127.0.12.1', replies=replies)
        self.send('x@twelve.test', text=mine('stuck'))

        def found():
            return [m for m in self.queue('list')['messages']
                    if m['to'] and m['to'][0]['destination'] == 'twelve.test']
        wait_until(lambda: found() and found()[0]['to'][0]['attempts'])
        m = found()[0]
        self.assertEqual(m['sender'], f'alice@{DOMAIN}')
        self.assertEqual(m['to'][0]['state'], 'deferred')
        self.assertEqual(m['to'][0]['reason'], '450 4.2.0 the box is busy (to RCPT)')
        self.assertEqual(m['to'][0]['host'], 'mx1.twelve.test')
        self.assertIn(m['id'], self.mail.ctl('queue', 'list'))
        self.assertIn('Subject: stuck', self.mail.ctl('queue', 'show', m['id'], '--content'))
        self.mail.ctl('queue', 'hold', m['id'])
        wait_until(lambda: found()[0]['to'][0]['state'] == 'held')
        time.sleep(0.3)
        tried = sum(line.startswith('RCPT') for line in peer.lines)
        replies.clear()
        time.sleep(3)
        self.assertEqual(sum(line.startswith('RCPT') for line in peer.lines), tried)
        self.mail.ctl('queue', 'flush', m['id'])
        self.assertFalse(peer.messages)
        self.mail.ctl('queue', 'release', m['id'])
        wait_until(lambda: peer.messages)
        wait_until(lambda: not found())
        with self.assertRaisesRegex(RuntimeError, 'there is no message'):
            self.mail.ctl('queue', 'show', m['id'])
        with self.assertRaisesRegex(RuntimeError, 'which message'):
            self.mail.ctl('queue', 'delete')

    def test_what_is_deleted_is_not_sent(self):
        replies = {'MAIL': '450 4.3.0 later'}
        peer = self.peer('thirteen.test', '127.0.13.1', replies=replies)
        self.send('x@thirteen.test')
        wait_until(lambda: peer.sessions)
        wait_until(lambda: any(r['destination'] == 'thirteen.test' and r['attempts']
                               for m in self.queue('list')['messages'] for r in m['to']))
        self.mail.ctl('queue', 'delete-deferred')
        replies.clear()
        time.sleep(3)
        self.assertFalse(peer.messages)

    def test_an_alias_forwards_and_bounces_find_back(self):
        there = self.peer('fourteen.test', '127.0.14.1')
        home = self.peer('fifteen.test', '127.0.14.2')
        self.mail.ctl('alias', 'add', f'both@{DOMAIN}', 'x@fourteen.test', f'bob@{DOMAIN}')
        with self.mail.smtp() as s:
            s.sendmail('joe@fifteen.test', [f'both@{DOMAIN}'], message('forwarded'))
        wait_until(lambda: there.messages)
        sender, to, octets, _ = there.messages[0]
        path = re.match(r'<(SRS0=[^>]*)>', sender)[1]
        self.assertTrue(path.endswith(f'=fifteen.test=joe@{DOMAIN}'), path)
        self.assertEqual(to, ['<x@fourteen.test>'])
        self.assertNotIn(b'Return-Path', octets)
        c = self.mail.imap('bob')
        c.select()
        self.assertTrue(c.search(None, 'SUBJECT', 'forwarded')[1][0])
        c.logout()
        with self.mail.smtp() as s:
            s.ehlo()
            s.mail('someone@fifteen.test')
            self.assertEqual(s.rcpt(path)[0], 550)  # nobody writes there
            s.rset()
            s.mail('')
            self.assertEqual(s.rcpt('SRS0=AAAA=' + path.split('=', 2)[2])[0], 550)
            s.rset()
            s.sendmail('', [path], message('bounce'))
        wait_until(lambda: home.messages)
        self.assertEqual(home.messages[0][0].split()[0], '<>')
        self.assertEqual(home.messages[0][1], ['<joe@fifteen.test>'])
        # it was our domain that sent it, not the one that it came from
        with self.mail.smtp() as s:
            s.sendmail('', [path], 'From: <mailer-daemon@fourteen.test>\r\nTo: <x@y.test>\r\n'
                       'MIME-Version: 1.0\r\nContent-Type: multipart/report; '
                       'report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n'
                       'Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.test'
                       '\r\n\r\nFinal-Recipient: rfc822; x@fourteen.test\r\nAction: failed\r\n'
                       'Status: 5.1.1\r\n\r\n--b--\r\n')
        wait_until(lambda: self.returned().get(DOMAIN))
        self.assertNotIn('fifteen.test', self.returned())

    def returned(self):
        """How many reports came back, by domain."""
        return {d['domain']: d['returned'] for d in json.loads(
            self.mail.ctl('bounce', 'list', '--json'))['domains']}

    def test_a_server_that_can_do_neither_is_not_hammered(self):
        """TLS fails, and in the clear it hangs up: later, not at once and again."""
        seen = []

        def greeting(line):
            seen.append(line)
            return None if len(seen) == 1 else 'CLOSE'
        peer = self.peer('hammer.test', '127.0.26.1', replies={
            'GREETING': greeting, 'STARTTLS': '220 2.0.0 go on'})
        peer.extensions.append('STARTTLS')
        self.send('x@hammer.test')
        wait_until(lambda: len(seen) >= 3)  # the first attempt is two of them
        time.sleep(1)
        self.assertLess(len(seen), 9)

    def keys(self):
        return json.loads(self.mail.ctl('domain', 'dkim', DOMAIN, '--json'))['dkim']

    def public(self, selector):
        record = [k for k in self.keys() if k['selector'] == selector][0]['value']
        return base64.b64decode(record.split('p=')[1])

    def signed_well(self, octets):
        """Is the RSA signature of a message good?"""
        rsa = [i for i, x in enumerate(re.findall(rb'a=([^;]+);', octets)) if x == b'rsa-sha256'][0]
        return dkim_pass(octets, rsa, self.public(re.findall(rb's=([^;]+);', octets)[rsa].decode()))

    def test_what_leaves_is_signed(self):
        peer = self.peer('sixteen.test', '127.0.16.1')
        self.send('x@sixteen.test', text=message('signed', 'a \t b  \r\n.dot\r\n\r\n\r\n',
                                                 sender=f'alice@{DOMAIN}'))
        wait_until(lambda: peer.messages)
        octets = peer.messages[0][2]
        self.assertEqual(octets.count(b'DKIM-Signature:'), 2, octets)
        self.assertTrue(octets.startswith(b'DKIM-Signature:'))
        self.assertEqual(len(re.findall(rb's=([^;]+);', octets)), 2)
        self.assertIn(b'd=' + DOMAIN.encode(), octets)
        self.assertTrue(self.signed_well(octets))
        self.assertFalse(self.signed_well(octets.replace(b'Subject: s', b'Subject: x')))
        self.assertFalse(self.signed_well(octets.replace(b'.dot', b'.dots')))

    def test_a_server_of_7_bits_gets_7_bits(self):
        old = self.peer('twentyfive.test', '127.0.25.1', extensions=['PIPELINING'])
        new = self.peer('twentysix.test', '127.0.25.2')
        text = mine('eight', 'Ein Satz, in dem das Wort Caf\u00e9 steht.\r\n' * 40 + '.dot\r\n')
        text = text.replace(b'Subject:', b'MIME-Version: 1.0\r\nContent-Type: text/plain; '
                            b'charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nSubject:')
        self.send('x@twentyfive.test', 'y@twentyfive.test', 'z@twentysix.test', text=text,
                  mail_options=['BODY=8BITMIME'])
        wait_until(lambda: old.messages and new.messages)
        wanted = 'Ein Satz, in dem das Wort Caf\u00e9 steht.\n' * 40 + '.dot\n'
        for peer, encoding in ((old, 'quoted-printable'), (new, '8bit')):
            octets = peer.messages[0][2]
            m = email.message_from_bytes(octets.replace(b'\r\n', b'\n'))
            self.assertEqual(m['Content-Transfer-Encoding'], encoding)
            self.assertEqual(m.get_payload(decode=True).decode(), wanted)
            self.assertEqual(octets.isascii(), peer is old)
            self.assertEqual(octets.count(b'DKIM-Signature:'), 2)
            self.assertTrue(self.signed_well(octets))
        self.assertEqual(len(old.messages[0][1]), 2)
        # and what is signed by its author is not touched
        sealed = (f'From: <alice@{DOMAIN}>\r\nTo: <x@twentyfive.test>\r\nSubject: sealed\r\n'
                  'MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n'
                  '--s\r\n\r\ngro\u00df\r\n--s\r\n\r\nx\r\n--s--\r\n').encode()
        self.send('sealed@twentyfive.test', text=sealed)
        wait_until(lambda: self.reports('alice', 'sealed@twentyfive.test'))
        report = self.reports('alice', 'sealed@twentyfive.test')[0]
        self.assertEqual(report.get_payload()[1].get_payload()[1]['Status'], '5.6.3')
        self.assertEqual(len(old.messages), 1)
        # many, one behind the other, large and without any signature of ours
        big = ('Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: application/x\r\n\r\n'.encode()
               + bytes(range(128, 256)) * 2100 + b'\r\n')
        self.mail.ctl('alias', 'add', f'seven@{DOMAIN}', 'big@twentyfive.test')
        for _ in range(3):
            with self.mail.smtp() as s:
                s.sendmail('joe@fifteen.test', [f'seven@{DOMAIN}'], big, ['BODY=8BITMIME'])
        wait_until(lambda: len(old.messages) == 4, 60)
        for _, _, octets, _ in old.messages[1:]:
            self.assertTrue(octets.isascii())
            self.assertEqual(email.message_from_bytes(octets).get_payload(decode=True),
                             bytes(range(128, 256)) * 2100 + b'\r\n')

    def test_keys_rotate_without_a_gap(self):
        peer = self.peer('seventeen.test', '127.0.17.1')
        old = {k['selector'] for k in self.keys() if k['state'] == 'signs'}
        self.mail.ctl('domain', 'dkim-rotate', DOMAIN)
        states = {k['selector']: k['state'] for k in self.keys()}
        self.assertTrue(all(states[s] == 'signs' for s in old))
        self.assertEqual(sorted(states.values()).count('waits'), 2)
        self.send('x@seventeen.test', text=message('old', sender=f'alice@{DOMAIN}'))
        wait_until(lambda: peer.messages)
        self.assertEqual({s.decode() for s in re.findall(rb's=([^;]+);', peer.messages[0][2])},
                         old)
        self.mail.ctl('domain', 'dkim-regenerate', DOMAIN, '--confirm')
        fresh = {k['selector'] for k in self.keys()}
        self.assertFalse(fresh & set(states))
        self.assertEqual(len(fresh), 2)
        self.send('x@seventeen.test', text=message('new', sender=f'alice@{DOMAIN}'))
        wait_until(lambda: len(peer.messages) == 2)
        self.assertEqual({s.decode() for s in re.findall(rb's=([^;]+);', peer.messages[1][2])},
                         fresh)

    def test_the_header_of_a_user_is_looked_at(self):
        peer = self.peer('eighteen.test', '127.0.18.1')
        bare = (f'From: Alice <alice@{DOMAIN}>\r\nTo: x@eighteen.test\r\n'
                'Resent-Bcc: hidden@eighteen.test\r\n'
                'Bcc: secret@eighteen.test,\r\n other@eighteen.test\r\nSubject: bare\r\n\r\nx\r\n')
        self.send('x@eighteen.test', text=bare)
        wait_until(lambda: peer.messages)
        octets = peer.messages[0][2].split(b'\r\n\r\n')[0]
        self.assertRegex(octets, rb'\r\nDate: ')
        self.assertRegex(octets, rb'\r\nMessage-ID: <[0-9a-f]+@')
        self.assertNotIn(b'secret', octets)
        self.assertNotIn(b'hidden', octets)
        self.assertNotIn(b'other@', octets)
        for author, reply in ((f'bob@{DOMAIN}', 'not this login'),
                              (f'alice@{DOMAIN}, bob@{DOMAIN}', 'not this login'),
                              ('x@elsewhere.test', 'not this login'),
                              # more than are looked at: the last is somebody else
                              (f'alice@{DOMAIN},\r\n ' * 10001 + f'bob@{DOMAIN}',
                               'not this login'), ('', 'no From')):
            text = (f'From: {author}\r\n' if author else '') + 'Subject: s\r\n\r\nx\r\n'
            with self.assertRaises(smtplib.SMTPDataError) as raised:
                self.send('x@eighteen.test', text=text)
            self.assertEqual(raised.exception.smtp_code, 550)
            self.assertIn(reply, raised.exception.smtp_error.decode())
        self.send('x@eighteen.test', text=bare.replace('alice@', 'alice+tag@'))
        wait_until(lambda: len(peer.messages) == 2)

    def reports(self, name, about):
        """The reports in a mailbox that name somebody, as messages."""
        c = self.mail.imap(name)
        c.select()
        _, found = c.search(None, 'HEADER', 'Auto-Submitted', 'auto-replied')
        texts = [c.fetch(n, '(RFC822)')[1][0][1] for n in found[0].split()]
        c.logout()
        return [email.message_from_bytes(t) for t in texts if about.encode() in t]

    def test_what_cannot_be_delivered_is_told(self):
        peer = self.peer('nineteen.test', '127.0.19.1', replies={
            'RCPT': lambda line: '550 5.1.1 nobody here' if 'gone' in line else None})
        self.send('gone@nineteen.test', 'here@nineteen.test', 'x@nowhere.test',
                  text=mine('to-be-told'))
        wait_until(lambda: peer.messages)
        wait_until(lambda: len(self.reports('alice', 'to-be-told')) >= 2)
        told = {}
        for m in self.reports('alice', 'to-be-told'):
            self.assertEqual(m.get_content_type(), 'multipart/report')
            self.assertEqual(m['Return-Path'], '<>')
            self.assertEqual(m['Auto-Submitted'], 'auto-replied')
            text, status, header = m.get_payload()
            self.assertEqual(status.get_content_type(), 'message/delivery-status')
            self.assertIn('Subject: to-be-told', header.as_string())
            for block in status.get_payload()[1:]:
                told[block['Final-Recipient'].split(';')[1].strip()] = block
                self.assertEqual(block['Action'], 'failed')
        self.assertEqual(set(told), {'gone@nineteen.test', 'x@nowhere.test'})
        self.assertEqual(told['gone@nineteen.test']['Status'], '5.1.1')
        self.assertIn('nobody here', told['gone@nineteen.test']['Diagnostic-Code'])
        self.assertIn('mx1.nineteen.test', told['gone@nineteen.test']['Remote-MTA'])
        self.assertEqual(told['x@nowhere.test']['Status'], '5.1.2')
        wait_until(lambda: not any(m['sender'].startswith('alice') and r['destination'] in (
            'nineteen.test', 'nowhere.test') for m in self.queue('list')['messages']
            for r in m['to']))

    def test_dsn_parameters_travel(self):
        peer = self.peer('dsn.test', '127.0.26.1')
        for ret in ('HDRS', 'FULL'):
            self.send('x@dsn.test', mail_options=['RET=' + ret, 'ENVID=a+2Bb'],
                      options=['NOTIFY=DELAY', 'ORCPT=rfc822;y+3D@dsn.test'])
        self.send('x@dsn.test')
        wait_until(lambda: len(peer.messages) == 3)
        got = {tuple(sorted(m[0].split()[1:] + m[1][0].split()[1:])) for m in peer.messages}
        sizes = {w for g in got for w in g if w.startswith('SIZE=')}
        got = {tuple(w for w in g if w not in sizes) for g in got}
        self.assertEqual(got, {(), *(('ENVID=a+2Bb', 'NOTIFY=DELAY', 'ORCPT=rfc822;y+3D@dsn.test',
                                      'RET=' + ret) for ret in ('HDRS', 'FULL'))})

    def test_notify_is_respected(self):
        self.peer('twenty.test', '127.0.20.1', extensions=['PIPELINING'], replies={
            'RCPT': lambda line: '550 5.1.1 no' if 'gone' in line else None})
        self.send('gone@twenty.test', options=['NOTIFY=NEVER'], sender='bob',
                  text=message('quiet', sender=f'bob@{DOMAIN}'))
        self.send('here@twenty.test', options=['NOTIFY=SUCCESS'], sender='bob',
                  text=message('loud', sender=f'bob@{DOMAIN}'))
        wait_until(lambda: self.reports('bob', 'here@twenty.test'))
        report = self.reports('bob', 'here@twenty.test')[0]
        self.assertEqual(report.get_payload()[1].get_payload()[1]['Action'], 'relayed')
        time.sleep(0.5)
        self.assertFalse(self.reports('bob', 'gone@twenty.test'))

    def test_reports_go_to_other_servers_and_none_comes_of_a_report(self):
        there = self.peer('twentyone.test', '127.0.21.1', replies={'RCPT': '550 5.1.1 no'})
        home = self.peer('twentytwo.test', '127.0.21.2', replies={
            'RCPT': lambda line: '550 5.1.1 no' if 'joe' not in line else None})
        self.mail.ctl('alias', 'add', f'away@{DOMAIN}', 'x@twentyone.test')
        for sender in ('joe@TwentyTwo.Test', 'nobody@twentytwo.test'):
            with self.mail.smtp() as s:
                s.sendmail(sender, [f'away@{DOMAIN}'], message('forwarded-away'))
        wait_until(lambda: home.messages)
        self.assertTrue(home.messages[0][0].startswith('<>'))
        self.assertEqual(home.messages[0][1][0].split()[0].lower(), '<joe@twentytwo.test>')
        self.assertIn(b'multipart/report', home.messages[0][2])
        self.assertIn(b'x@twentyone.test', home.messages[0][2])
        self.assertTrue(home.messages[0][2].startswith(b'DKIM-Signature:'))
        self.assertTrue(self.signed_well(home.messages[0][2]))
        wait_until(lambda: not any(r['destination'].startswith('twentyt')
                                   for m in self.queue('list')['messages'] for r in m['to']))
        self.assertEqual(len(home.messages), 1)
        self.assertFalse(there.messages)

    def test_any_sender_where_that_is_allowed(self):
        peer = self.peer('twentythree.test', '127.0.23.1')
        self.mail.ctl('domain', 'set', DOMAIN, '--any-sender', 'on')
        self.addCleanup(self.mail.ctl, 'domain', 'set', DOMAIN, '--any-sender', 'off')
        with self.mail.submission('alice') as s:
            for sender in ('x@elsewhere.test', f'bob@{DOMAIN}'):
                s.sendmail(sender, ['y@twentythree.test'], message('any', sender=sender))
        with self.mail.smtp() as s, self.assertRaises(smtplib.SMTPRecipientsRefused):
            s.sendmail('x@elsewhere.test', ['y@twentythree.test'], message('any'))
        wait_until(lambda: len(peer.messages) == 2)
        signed = {m[0].split('>')[0][1:]: b'DKIM-Signature' in m[2] for m in peer.messages}
        self.assertEqual(signed, {'x@elsewhere.test': False, f'bob@{DOMAIN}': True})

    def test_sending_is_suspended_and_receiving_is_not(self):
        peer = self.peer('twentyfour.test', '127.0.24.1')
        with self.mail.submission('bob') as s:
            self.mail.ctl('mailbox', 'set', f'bob@{DOMAIN}', '--sending', 'off')
            self.addCleanup(self.mail.ctl, 'mailbox', 'set', f'bob@{DOMAIN}', '--sending', 'on')
            for sender in (f'bob@{DOMAIN}', ''):
                code, text = s.mail(sender)
                self.assertEqual(code, 550)
                self.assertIn(b'suspended', text)
        listed = json.loads(self.mail.ctl('mailbox', 'list', '--json'))['mailboxes']
        self.assertEqual({m['email'].split('@')[0]: m['sending'] for m in listed}['bob'], False)
        with self.mail.smtp() as s:
            s.sendmail('x@elsewhere.test', [f'bob@{DOMAIN}'], message('still-received'))
        self.mail.ctl('mailbox', 'set', f'bob@{DOMAIN}', '--sending', 'on')
        self.send('y@twentyfour.test', sender='bob')
        wait_until(lambda: peer.messages)

    def test_strangers_may_not_send_through_us(self):
        with self.mail.smtp() as s:
            s.ehlo()
            s.mail('x@elsewhere.test')
            self.assertEqual(s.rcpt('y@one.test')[0], 550)
        with self.mail.submission('alice') as s:
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                s.sendmail(f'alice@{DOMAIN}', ['x@two..dots'], mine('bad'))


if __name__ == '__main__':
    harness.main('__main__')
