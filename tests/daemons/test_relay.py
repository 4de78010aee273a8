"""Relays: by domain and destination, with a login under TLS, whatever they do."""
import json
import re
import subprocess
import time
import unittest

import harness
from instance import DOMAIN, Instance, build_dir, message
from peers import MailServer, Names

SETTINGS = """sending:
  port: %d
  retry_seconds: 1
  retry_max_seconds: 2
"""
USERS = {'joe@relay.test': 'Sesame-1 \u00fc'}


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError('it does not come')
        time.sleep(0.02)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.mail = Instance(pop3=False, daemons=('smtpd',), believes_own=True,
                            settings=SETTINGS % cls.port + cls.names.settings())
        cls.mail.__enter__()
        cls.mail.ctl('domain', 'add', 'two.test', '--incoming', 'on', '--trust')
        cls.mail.ctl_with_password('mailbox', 'add', 'carol@two.test')

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def setUp(self):
        self.peers, self.relays = [], []

    def tearDown(self):
        for relay in self.relays:
            self.run_ctl('relay', 'remove', relay)
        for name in ('queue',):
            self.run_ctl(name, 'delete', '--all')
        for peer in self.peers:
            peer.stop()

    def run_ctl(self, *args, **kwargs):
        return subprocess.run([build_dir() + '/vectisctl/vectisctl', '-c', self.mail.config,
                               *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, check=False, timeout=120, **kwargs)

    def server(self, address, port=0, **kwargs):
        p = MailServer(address, port, **kwargs)
        self.peers.append(p)
        return p

    def host(self, name, address, good=True, **kwargs):
        """A relay's server with a name and, unless it is not good, a certificate of it."""
        self.names.add(name, 'A', address)
        hosts = (name,) if good else ('other.test',)
        return self.server(address, tls=self.mail.ca.issue(
            name + str(time.monotonic()), hosts=hosts), **kwargs)

    def peer(self, domain, address, mx=None, **kwargs):
        """A domain's own server."""
        p = self.server(address, self.port, **kwargs)
        host = mx or f'mx.{domain}'
        self.names.add(domain, 'MX', f'10 {host}')
        self.names.add(host, 'A', address)
        return p

    def relay(self, name, host, peer, *options, user='joe@relay.test', password=None):
        login = ('--user', user, '--password-fd', '0') if user else ()
        done = self.run_ctl('relay', 'add', name, f'{host}:{peer.port}', *options, *login,
                            input=(password or USERS.get(user or '', '')) + '\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.relays.append(name)

    def send(self, *to, sender=f'alice@{DOMAIN}', subject='by-relay'):
        with self.mail.submission(None) as s:
            s.login(sender, 'correct-horse-7')
            s.sendmail(sender, to, message(subject, sender=sender))

    def queue(self):
        return json.loads(self.mail.ctl('queue', 'list', '--json'))['messages']

    def reason(self):
        found = [r for m in self.queue() for r in m['to'] if r['attempts']]
        return found[0]['reason'] if found else ''


class Relays(Case):
    def test_all_mail_of_a_domain(self):
        for i, mechanisms in enumerate(('PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'GSSAPI SCRAM-SHA-256 PLAIN')):
            relay = self.host('r1.test', '127.0.30.1', users=USERS, mechanisms=mechanisms)
            direct = self.peer(f'one{i}.test', f'127.0.30.{i + 10}')
            self.relay('r1', 'r1.test', relay, '--domain', DOMAIN)
            self.send(f'x@one{i}.test', 'y@elsewhere.test')
            wait_until(lambda: relay.messages)
            self.assertEqual(relay.logins, ['joe@relay.test'])
            _, to, octets, secure = relay.messages[0]
            self.assertEqual(to, [f'<x@one{i}.test>', '<y@elsewhere.test>'])  # at a time
            self.assertTrue(secure)
            self.assertIn(b'DKIM-Signature', octets)
            self.send(f'x@one{i}.test', sender='carol@two.test')  # not that domain's
            wait_until(lambda: direct.messages)
            self.assertEqual(len(relay.messages), 1)
            self.tearDown()
            self.setUp()

    def test_tls_from_the_first_octet(self):
        relay = self.host('r2.test', '127.0.31.1', users=USERS, implicit=True)
        self.relay('r2', 'r2.test', relay, '--tls', 'implicit')
        self.send('x@one.test')
        wait_until(lambda: relay.messages)
        self.assertEqual(relay.logins, ['joe@relay.test'])
        self.assertNotIn('STARTTLS', relay.lines)

    def test_by_address_without_a_login(self):
        relay = self.server('127.0.32.1')
        self.relay('r3', '127.0.32.1', relay, '--tls', 'offered', user=None)
        self.send('x@one.test')
        wait_until(lambda: relay.messages)
        secure = self.host('r3.test', '127.0.32.2')  # its certificate is looked at
        self.relay('r3b', 'r3.test', secure, '--to', 'third.test', user=None)
        self.send('x@third.test')
        wait_until(lambda: secure.messages)
        self.assertTrue(secure.messages[0][3])

    def test_the_most_specific_pattern_wins(self):
        wide = self.host('wide.test', '127.0.33.1', users=USERS)
        exact = self.host('exact.test', '127.0.33.2', users=USERS)
        office = self.host('office.test', '127.0.33.3', users=USERS)
        self.relay('wide', 'wide.test', wide)
        self.relay('exact', 'exact.test', exact, '--to', 'four.test,*.four.test')
        self.relay('office', 'office.test', office, '--to', 'mx:outlook.test')
        direct = self.peer('contoso.test', '127.0.33.9', 'contoso.mail.outlook.test')
        self.peer('other.test', '127.0.33.8')
        self.send('x@four.test', 'y@sub.four.test', 'z@contoso.test', 'w@other.test')
        wait_until(lambda: exact.messages and office.messages and wide.messages)
        self.assertEqual(exact.messages[0][1], ['<x@four.test>', '<y@sub.four.test>'])
        self.assertEqual(office.messages[0][1], ['<z@contoso.test>'])
        self.assertEqual(wide.messages[0][1], ['<w@other.test>'])
        self.send('q@contoso.test')  # its MX is known by now
        wait_until(lambda: len(office.messages) == 2)
        self.assertEqual(direct.sessions, 0)

    def test_a_wrong_password_defers(self):
        relay = self.host('r5.test', '127.0.34.1', users=USERS)
        self.relay('r5', 'r5.test', relay, password='wrong-secret')
        self.send('x@one.test')
        wait_until(lambda: '535' in self.reason())
        self.assertIn('AUTH', self.reason())
        done = self.try_it('r5', '--json')
        self.assertEqual(done.returncode, 1)
        steps = json.loads(done.stdout)['steps']
        self.assertEqual(steps[-1]['step'], 'AUTH')
        self.assertEqual(steps[-1]['hint_id'], 'relay.auth')
        done = self.run_ctl('relay', 'set', 'r5', '--user', 'joe@relay.test',
                            '--password-fd', '0', input=USERS['joe@relay.test'] + '\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_until(lambda: relay.messages)  # no restart, and nothing was lost
        log = self.mail.log('smtpd')
        for secret in ('wrong-secret', 'Sesame-1', 'd3Jvbmctc2VjcmV0'):
            self.assertNotIn(secret, log)

    def test_a_wrong_certificate_gets_no_password(self):
        relay = self.host('r6.test', '127.0.35.1', good=False, users=USERS)
        self.relay('r6', 'r6.test', relay)
        self.send('x@one.test')
        wait_until(self.reason)
        self.assertIn('r6.test', self.reason())
        self.assertFalse([x for x in relay.lines if x.startswith('AUTH')])
        self.assertFalse(relay.messages)
        done = self.try_it('r6', '--json')
        steps = {s['step']: s for s in json.loads(done.stdout)['steps']}
        self.assertEqual(done.returncode, 1)
        self.assertFalse(steps['certificate']['ok'])

    def test_one_without_starttls_gets_nothing(self):
        self.names.add('r7.test', 'A', '127.0.36.1')
        relay = self.server('127.0.36.1', users=USERS)
        self.relay('r7', 'r7.test', relay)
        self.send('x@one.test')
        wait_until(self.reason)
        self.assertIn('TLS is required', self.reason())
        self.assertFalse([x for x in relay.lines if x.startswith(('AUTH', 'MAIL'))])
        self.assertEqual(list(self.steps('r7', 1)), ['connect', 'STARTTLS'])
        self.assertEqual(self.run_ctl('relay', 'test', 'r7').returncode, 1)  # no address

    def try_it(self, name, *options):
        """The host's name is known to our own name server only."""
        listed = json.loads(self.mail.ctl('relay', 'list', '--json'))['relays']
        host = next(r['host'] for r in listed if r['name'] == name)
        return self.run_ctl('relay', 'test', name, '--address',
                            self.names.records[host]['A'][0], *options)

    def steps(self, name, status, *options):
        done = self.try_it(name, *options, '--json')
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return {s['step']: s for s in json.loads(done.stdout)['steps']}

    def test_huge_and_broken_answers(self):
        relay = self.host('r8.test', '127.0.37.1', users=USERS)
        self.relay('r8', 'r8.test', relay)
        for reply in ('220-' + 'x' * 100000, '250 ' * 3000, '\0\0\0', '220 ok\r\n220 ok',
                      '999 no'):
            relay.replies['GREETING'] = reply
            self.steps('r8', 1)
        relay.replies['GREETING'] = 'CLOSE'
        self.steps('r8', 1)
        relay.replies = {'AUTH': '334 ' + 'A' * 20000}
        self.steps('r8', 1)
        relay.replies = {'AUTH': '334 !!!!'}
        self.steps('r8', 1)
        self.send('x@one.test')
        wait_until(self.reason)
        relay.replies = {}
        wait_until(lambda: relay.messages)
        relay.replies = {'LIES': True}
        relay.mechanisms = 'SCRAM-SHA-256'
        self.assertIn('AUTH', self.steps('r8', 1))  # it does not know the password

    def test_a_dead_relay_keeps_nobody_else(self):
        self.names.add('dead.test', 'A', '127.0.38.1')
        gone = self.server('127.0.38.1')
        good = self.host('good.test', '127.0.38.2', users=USERS)
        direct = self.peer('five.test', '127.0.38.9')
        self.relay('dead', 'dead.test', gone, '--domain', 'two.test')
        gone.stop()
        self.peers.remove(gone)
        self.relay('good', 'good.test', good, '--to', 'six.test')
        for i in range(30):
            self.send(f'x{i}@five.test', sender='carol@two.test')
        self.send('x@five.test')
        self.send('x@six.test')
        begin = time.monotonic()
        wait_until(lambda: good.messages and direct.messages)
        self.assertLess(time.monotonic() - begin, 30)
        waiting = [r for m in self.queue() for r in m['to']]
        self.assertEqual({r['relay'] for r in waiting}, {'dead'})
        self.assertEqual({r['destination'] for r in waiting}, {'five.test'})
        self.mail.ctl('relay', 'remove', 'dead')  # what waits goes another way
        self.relays.remove('dead')
        wait_until(lambda: len(direct.messages) == 31, 30)
        wait_until(lambda: not self.queue(), 30)  # what was taken is written down after that

    def test_try_without_sending(self):
        relay = self.host('r9.test', '127.0.39.1', users=USERS)
        self.relay('r9', 'r9.test', relay, '--domain', DOMAIN)
        steps = self.steps('r9', 0)
        self.assertTrue(all(s['ok'] for s in steps.values()))
        self.assertEqual(list(steps), ['connect', 'TLS', 'certificate', 'EHLO', 'AUTH'])
        steps = self.steps('r9', 0, '--to', 'x@one.test')
        self.assertTrue(steps['RCPT']['ok'])
        self.assertRegex(next(x for x in relay.lines if x.startswith('MAIL')),
                         f'relay-test-[0-9a-f]+@{DOMAIN}')
        self.assertIn('RSET', relay.lines)
        self.assertFalse(relay.messages)
        relay.replies['MAIL'] = '554 Email address is not verified'
        steps = self.steps('r9', 1, '--to', 'x@one.test', '--from', f'alice@{DOMAIN}')
        self.assertEqual(steps['MAIL']['hint_id'], 'relay.identity')
        text = self.try_it('r9', '--to', 'x@one.test')
        self.assertIn('FAIL  MAIL', text.stdout)
        self.assertIn('verify the whole domain', text.stdout)

    def bounces(self):
        listed = json.loads(self.mail.ctl('bounce', 'list', '--json'))['domains']
        return next((d for d in listed if d['domain'] == 'three.test'), None)

    def test_what_does_not_arrive_is_counted(self):
        self.mail.ctl('domain', 'add', 'three.test', '--incoming', 'on', '--trust')
        self.mail.ctl_with_password('mailbox', 'add', 'dan@three.test')
        peer = self.peer('bounce.test', '127.0.41.9', replies={
            'RCPT': lambda line: '550 5.1.1 who?' if 'nobody' in line else
            '550 5.2.2 full' if 'full' in line else None})
        self.send('a@bounce.test', 'nobody@bounce.test', 'full@bounce.test',
                  sender='dan@three.test', subject='counted')
        wait_until(lambda: self.bounces() and self.bounces()['recipients'] == 3)
        self.assertEqual((self.bounces()['hard'], self.bounces()['soft']), (1, 1))
        self.assertTrue(self.bounces()['high'])
        octets = peer.messages[0][2].decode()
        header = octets.split('\r\n\r\n')[0]
        token = re.search(r'by mail\.example\.test with \S+ id ([0-9a-f]{16})', header)[1]
        report = ('From: <mailer-daemon@bounce.test>\r\nTo: <dan@three.test>\r\n'
                  'Subject: failed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; '
                  'report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n'
                  '--b\r\nContent-Type: message/delivery-status\r\n\r\n'
                  'Reporting-MTA: dns; mx.bounce.test\r\n\r\n'
                  'Final-Recipient: rfc822; a@bounce.test\r\nAction: failed\r\n'
                  'Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 gone\r\n\r\n'
                  '--b\r\nContent-Type: text/rfc822-headers\r\n\r\n%s\r\n--b--\r\n')
        with self.mail.smtp() as s:
            s.sendmail('', ['dan@three.test'], report % header)
            # one that knows nothing of ours counts for nothing
            s.sendmail('', ['dan@three.test'], report % 'Subject: forged')
            # and nobody reports with an address of his own
            s.sendmail('x@bounce.test', ['dan@three.test'], report % header)
        self.assertEqual((self.bounces()['hard'], self.bounces()['returned']), (2, 1))
        why = self.mail.ctl('why', token)
        self.assertIn('returned', why)
        self.assertIn('550 gone', why)
        self.assertIn('three.test', self.mail.ctl('bounce', 'list', '--days', '1'))
        self.assertEqual(self.run_ctl('bounce', 'list', '--days', '0').returncode, 2)

    def test_a_test_message_is_followed(self):
        self.peer('testing.test', '127.0.40.9')
        done = self.run_ctl('test', 'send', 'x@testing.test', '--json')
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        hops = {h['hop']: h for h in json.loads(done.stdout)['hops']}
        self.assertEqual(list(hops), ['queued', 'signed', 'routed', 'TLS', 'sent'])
        self.assertRegex(hops['signed']['text'], r'selectors \d{6}, \d{6}e')
        self.assertIn('testing.test', hops['routed']['text'])
        self.assertIn('250 2.0.0 taken', hops['sent']['text'])
        sender, to, octets, _ = self.peers[0].messages[0]
        self.assertIn(f'postmaster@{DOMAIN}', sender)
        self.assertRegex(octets, rb'^DKIM-Signature: [^\0]*From: <postmaster@')
        self.assertNotIn(b'Return-Path', octets)
        relay = self.host('r10.test', '127.0.40.1', users=USERS)
        self.relay('r10', 'r10.test', relay, '--domain', DOMAIN)
        done = self.run_ctl('test', 'send', 'x@testing.test', '--from', f'alice@{DOMAIN}')
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn('to the relay r10', done.stdout)
        self.assertIn('its certificate is right', done.stdout)
        relay.replies['RCPT'] = '550 5.7.1 not you'
        done = self.run_ctl('test', 'send', 'x@testing.test')
        self.assertEqual(done.returncode, 1)
        self.assertIn('550 5.7.1 not you', done.stdout)
        relay.replies['RCPT'] = '450 4.2.0 later'
        done = self.run_ctl('test', 'send', 'x@testing.test', '--seconds', '2')
        self.assertEqual(done.returncode, 1)
        self.assertIn('deferred', done.stdout)
        for words in (('nobody',), (f'alice@{DOMAIN}',), ('x@testing.test', '--seconds', 'x')):
            self.assertEqual(self.run_ctl('test', 'send', *words).returncode, 2, words)
        self.assertEqual(self.run_ctl('test', 'send', 'x@testing.test', '--from',
                                      'x@not-ours.test').returncode, 1)

    def test_words(self):
        for words in (('add', 'x'), ('add', 'X', 'h.test'), ('add', 'x', 'h.test:0'),
                      ('add', 'x', 'h..test'), ('add', 'x', '[h]'),
                      ('add', 'x', 'h.test', '--tls', 'maybe'),
                      ('add', 'x', 'h.test', '--domain', 'a..b'),
                      ('add', 'x', 'h.test', '--to', 'mx:*.a'),
                      ('add', 'x', 'h.test', '--connections', 'x'),
                      ('add', 'x', 'h.test', '--user', 'joe'),
                      ('add', 'x', 'h.test', '--password-fd', '0'),
                      ('add', 'x', 'h.test', '--user', 'joe', '--tls', 'offered',
                       '--password-fd', '0')):
            done = self.run_ctl('relay', *words, input='secret\n')
            self.assertEqual(done.returncode, 2, words)
        for words in (('remove', 'x'), ('test', 'x'), ('set', 'x', '--tls', 'starttls'),
                      ('add', 'x', 'h.test', '--domain', 'not-ours.test')):
            done = self.run_ctl('relay', *words)
            self.assertEqual(done.returncode, 1, words)
        self.relay('words', 'h.test', self.server('127.0.0.1'), '--to', 'seven.test')
        self.assertEqual(self.run_ctl('relay', 'add', 'words', 'h.test').returncode, 1)
        done = self.run_ctl('relay', 'add', 'more', 'h.test', '--to', 'seven.test')
        self.assertIn('words', done.stderr)
        with open(self.mail.folder + '/password', 'w') as f:
            f.write('from a file\n')
        done = self.run_ctl('relay', 'set', 'words', '--password-file',
                            self.mail.folder + '/password', '--connections', '3')
        self.assertEqual(done.returncode, 0, done.stderr)
        listed = json.loads(self.mail.ctl('relay', 'list', '--json'))
        self.assertEqual(listed['relays'][0]['destinations'], ['seven.test'])
        self.assertEqual(listed['relays'][0]['user'], 'joe@relay.test')
        self.assertEqual(listed['relays'][0]['connections'], 3)
        self.assertNotIn('password', json.dumps(listed['relays']))
        self.assertIn('words', self.mail.ctl('relay', 'list'))


if __name__ == '__main__':
    harness.main('__main__')
