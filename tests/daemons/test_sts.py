"""MTA-STS (RFC 8461): domains with policies, and what comes of their mail."""
import contextlib
import email
import gzip
import json
import os
import re
import ssl
import time
import unittest

import harness
from instance import DOMAIN, CertificateAuthority, Instance, message, run
from peers import MailServer, Names, WebServer, http
from test_sending import wait_until

SETTINGS = '''reports:
  tls: yes
sending:
  port: %d
  sts_port: %d
  sts_timeout_seconds: 2
  retry_seconds: 1
  retry_max_seconds: 2
'''


def policy(*mx, mode='enforce', age=86400, more=''):
    lines = ['version: STSv1', f'mode: {mode}', *[f'mx: {m}' for m in mx], f'max_age: {age}']
    return '\r\n'.join(lines).encode() + b'\r\n' + more.encode()


class Web:
    """The policies' web server: answers by the name that was asked for."""

    def __init__(self, pair):
        self.policies, self.asked = {}, []
        self.server = WebServer(pair, answers={'/.well-known/mta-sts.txt': self.answer})

    def answer(self, request):
        host = request[2]['host'].split(':')[0]
        self.asked.append(host)
        self.request = request
        answer = self.policies.get(host, http(b'', '404 Not Found'))
        return answer(request) if callable(answer) else answer

    def count(self, domain):
        return self.asked.count('mta-sts.' + domain)


class Sts(unittest.TestCase):
    """Each test has a domain of its own, d.test, with servers on 127.0.x.n."""

    @classmethod
    def setUpClass(cls):
        cls.names = Names()
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.mail = Instance(pop3=False, believes_own=True, daemons=('smtpd',))
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)
        os.makedirs(cls.mail.folder, exist_ok=True)
        cls.mail.ca = cls.ca = CertificateAuthority(cls.mail.folder)
        cls.web = Web(cls.ca.issue('web', hosts=('mta-sts.test', '*.web.test') + tuple(
            f'mta-sts.d{i}.test' for i in range(40))))
        cls.addClassCleanup(cls.web.server.stop)
        cls.mail.settings = SETTINGS % (cls.port, cls.web.server.port) + cls.names.settings()
        cls.mail.__enter__()

    def setUp(self):
        self.peers = []

    def tearDown(self):
        for peer in self.peers:
            peer.stop()

    def domain(self, number, answer=None, identity='1'):
        """The names of a domain with a policy."""
        d = f'd{number}.test'
        if identity:
            self.names.add('_mta-sts.' + d, 'TXT', f'v=STSv1; id={identity};')
        self.names.add('mta-sts.' + d, 'A', '127.0.0.1')
        self.web.policies['mta-sts.' + d] = answer if answer is None or callable(
            answer) or answer.startswith(b'HTTP') else http(answer)
        return d

    def host(self, domain, number=1, tls='right', **kwargs):
        """A mail server mxN.domain: its certificate is right, other (for another name),
        old, strange (of nobody), bare (without names), or there is none."""
        address = f'127.0.{100 + int(domain[1:].split(".")[0])}.{number}'
        name = f'mx{number}.{domain}'
        pair = None
        if tls == 'strange':
            pair = CertificateAuthority(self.folder('strange')).issue(name, hosts=(name,))
        elif tls == 'bare':
            pair = self.bare(name)
        elif tls:
            pair = self.ca.issue(f'{name}-{tls}', days=-1 if tls == 'old' else 30,
                                 hosts=('else.test' if tls == 'other' else name,))
        p = MailServer(address, self.port, tls=pair, **kwargs)
        self.peers.append(p)
        self.names.add(domain, 'MX', f'{number * 10} {name}')
        self.names.add(name, 'A', address)
        return p

    def folder(self, name):
        path = os.path.join(self.mail.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def bare(self, name):
        """A certificate whose name is only in its subject."""
        chain, key, ext = (os.path.join(self.folder('bare'), x) for x in 'cke')
        with open(ext, 'w') as f:
            f.write('subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
        run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', key, '-out', chain + 'sr', '-subj', '/CN=' + name)
        run('openssl', 'x509', '-req', '-in', chain + 'sr', '-CA', self.ca.cert, '-CAkey',
            self.ca.key, '-CAcreateserial', '-days', '30', '-extfile', ext, '-out', chain)
        return chain, key

    def send(self, domain):
        with self.mail.submission('alice') as s:
            s.sendmail(f'alice@{DOMAIN}', [f'x@{domain}'],
                       message('sts', sender=f'alice@{DOMAIN}'))

    def deferred(self, domain):
        """Why its mail waits; '' when it does not (yet)."""
        for m in json.loads(self.mail.ctl('queue', 'list', '--json'))['messages']:
            for r in m['to']:
                if r['destination'] == domain and r['attempts']:
                    return r['reason']
        return ''

    def must_wait(self, domain, reason):
        wait_until(lambda: self.deferred(domain))
        self.assertRegex(self.deferred(domain), reason)

    def forget(self, domain):
        """What is still queued for it is not in the way."""
        for m in json.loads(self.mail.ctl('queue', 'list', '--json'))['messages']:
            if any(r['destination'] == domain for r in m['to']):
                self.mail.ctl('queue', 'delete', m['id'])

    def log(self):
        return self.mail.log('smtpd')

    # --- enforce --------------------------------------------------------------------

    def test_a_good_server(self):
        d = self.domain(1, policy('mx1.d1.test'))
        good = self.host(d)
        self.send(d)
        wait_until(lambda: good.messages)
        self.assertTrue(good.messages[0][3])
        self.assertEqual(self.web.count(d), 1)
        self.assertEqual(self.web.request[4], 'mta-sts.' + d)  # SNI
        self.send(d)
        wait_until(lambda: len(good.messages) == 2)
        self.assertEqual(self.web.count(d), 1)  # it is remembered

    def test_a_star_is_one_label(self):
        d = self.domain(2, policy('*.d2.test'))
        good = self.host(d)
        self.send(d)
        wait_until(lambda: good.messages)

    def test_certificates_that_are_not_right(self):
        cases = (('other', 'not one of mx1'), ('old', 'expired'), ('strange', 'not believed'),
                 ('bare', 'no names of hosts'), (None, 'TLS is required and not offered'))
        for number, (tls, reason) in enumerate(cases):
            with self.subTest(tls):
                d = self.domain(3 + number, policy(f'mx1.d{3 + number}.test'))
                bad = self.host(d, tls=tls)
                self.send(d)
                self.must_wait(d, reason)
                self.assertGreater(bad.sessions, 0)
                self.assertEqual(bad.messages, [])
                self.assertFalse([x for x in bad.lines if x.startswith('MAIL')])
                self.forget(d)

    def test_a_handshake_that_fails_is_not_left_away(self):
        d = self.domain(8, policy('mx1.d8.test'))
        bad = self.host(d, tls=None, replies={'STARTTLS': '220 2.0.0 go on'})
        bad.extensions.append('STARTTLS')
        self.send(d)
        self.must_wait(d, 'TLS cannot begin')
        self.assertEqual(bad.messages, [])
        self.forget(d)

    def test_starttls_that_is_refused(self):
        d = self.domain(9, policy('mx1.d9.test'))
        bad = self.host(d, replies={'STARTTLS': '502 5.5.1 not now'})
        self.send(d)
        self.must_wait(d, '502 5.5.1 not now')
        self.assertEqual(bad.messages, [])
        self.forget(d)

    def seen(self, domain):
        """Sessions with a domain that its TLS report will tell of."""
        shown = json.loads(self.mail.ctl('reports', 'pending', '--all', '--json'))['reports']
        return sum(r['seen'] for r in shown if (r['domain'], r['kind']) == (domain, 'tls'))

    def test_a_report_of_that_goes_nevertheless(self):
        d = self.domain(30, policy('mx1.d30.test'))
        bad = self.host(d, tls='other')
        self.names.add('_smtp._tls.' + d, 'TXT', f'v=TLSRPTv1; rua=mailto:r@{d}')
        self.send(d)
        self.must_wait(d, 'not one of mx1')
        self.forget(d)
        wait_until(lambda: self.seen(d))
        self.mail.ctl('reports', 'send-now', d, '--day', time.strftime('%Y-%m-%d', time.gmtime()))
        wait_until(lambda: bad.messages)
        sender, to, octets, secure = bad.messages[0]
        self.assertEqual((sender.split()[0], to[0].split()[0], secure), ('<>', f'<r@{d}>', True))
        packed = email.message_from_bytes(octets).get_payload()[1].get_payload(decode=True)
        told = json.loads(gzip.decompress(packed))['policies']
        self.assertEqual([p['policy']['policy-type'] for p in told], ['sts'])
        self.assertEqual({(f['result-type'], f['receiving-mx-hostname'], f['receiving-mx-helo'])
                          for f in told[0]['failure-details']},
                         {('certificate-host-mismatch', f'mx1.{d}', 'peer')})
        self.send(d)  # other mail waits, as before
        self.must_wait(d, 'not one of mx1')
        self.assertEqual(len(bad.messages), 1)
        self.forget(d)

    def test_hosts_that_the_policy_does_not_name(self):
        d = self.domain(10, policy('mx2.d10.test', '*.else.test'))
        first, second = self.host(d, 1), self.host(d, 2)
        self.send(d)
        wait_until(lambda: second.messages)
        self.assertEqual(first.sessions, 0)
        self.assertTrue(second.messages[0][3])

    def test_a_host_that_fails_is_passed_over(self):
        d = self.domain(11, policy('*.d11.test'))
        first, second = self.host(d, 1, tls='other'), self.host(d, 2)
        self.send(d)
        wait_until(lambda: second.messages)
        self.assertEqual(first.messages, [])

    def test_no_host_is_named(self):
        d = self.domain(12, policy('mail.else.test'))
        host = self.host(d)
        self.send(d)
        self.must_wait(d, 'MTA-STS policy of the domain does not name its host mx1.d12.test')
        self.assertEqual(host.sessions, 0)
        # the domain mends it: a new id is seen, and the mail goes
        self.web.policies['mta-sts.' + d] = http(policy('mx1.d12.test'))
        self.names.records['_mta-sts.' + d]['TXT'] = ['v=STSv1; id=2']
        self.wait_for_names()
        self.mail.ctl('queue', 'flush')
        wait_until(lambda: host.messages)

    @staticmethod
    def wait_for_names():
        """Answers of the name server are good for a second."""
        time.sleep(1.2)

    # --- testing, none --------------------------------------------------------------

    def test_testing(self):
        d = self.domain(13, policy('mx1.d13.test', mode='testing'))
        peer = self.host(d, tls='other')
        self.send(d)
        wait_until(lambda: peer.messages)
        self.assertTrue(peer.messages[0][3])
        self.assertIn('which is being tested', self.log())
        d = self.domain(14, policy('else.test', mode='testing'))
        peer = self.host(d, tls=None)
        self.send(d)
        wait_until(lambda: peer.messages)
        self.assertFalse(peer.messages[0][3])

    def test_none(self):
        d = self.domain(15, policy(mode='none'))
        peer = self.host(d, tls=None)
        self.send(d)
        wait_until(lambda: peer.messages)
        self.assertEqual(self.web.count(d), 1)

    # --- policies that cannot be had --------------------------------------------------

    def test_broken_policies_are_none(self):
        def slow(_):
            for octet in http(policy('x.test')):
                time.sleep(0.2)
                yield bytes([octet])
        cases = (b'version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\n', b'<html></html>',
                 policy('x.test', more='mx: ' + 'x' * 60000 + '\r\n' * 3000),
                 http(policy('x.test'), '404 Not Found'),
                 http(policy('x.test'), kind='text/html'), http(policy('x.test'), kind=''),
                 http(policy('x.test'), '301 Moved', fields=[
                     f'Location: https://mta-sts.d1.test:{self.web.server.port}/'
                     '.well-known/mta-sts.txt']), slow, lambda r: None)
        for number, answer in enumerate(cases):
            with self.subTest(number):
                d = self.domain(20 + number, answer)
                peer = self.host(d, tls='other')
                self.send(d)
                wait_until(lambda p=peer: p.messages)
                self.assertEqual(self.web.count(d), 1)
                self.assertIn(f'domain={d}', self.log())
        # not again at once
        d = 'd20.test'
        self.send(d)
        wait_until(lambda: len(self.peers[0].messages) == 2)
        self.assertEqual(self.web.count(d), 1)

    def test_a_web_server_that_is_not_believed(self):
        d = self.domain(50, policy('x.test'))  # its name is not in the certificate
        peer = self.host(d)
        self.send(d)
        wait_until(lambda: peer.messages)
        self.assertEqual(self.web.count(d), 0)
        self.assertRegex(self.log(), f'domain={re.escape(d)}.*wrong certificate')

    def test_without_a_record_nothing_is_fetched(self):
        d = self.domain(16, policy('x.test'), identity=None)
        peer = self.host(d, tls=None)
        self.send(d)
        wait_until(lambda: peer.messages)
        self.assertEqual(self.web.count(d), 0)

    # --- what is remembered -----------------------------------------------------------

    def test_a_policy_outlives_its_servers_and_ours(self):
        d = self.domain(17, policy('mx1.d17.test'))
        peer = self.host(d)
        self.send(d)
        wait_until(lambda: peer.messages)
        self.web.policies['mta-sts.' + d] = http(b'', '500 Oops')
        self.names.records['_mta-sts.' + d]['TXT'] = ['v=STSv1; id=2']
        self.names.records[d]['MX'] = ['10 mx2.d17.test']  # somebody else's
        evil = self.host(d, 2, tls='right')
        self.names.records[d]['MX'] = ['10 mx2.d17.test']
        self.mail.kill('smtpd')
        self.mail.start('smtpd')
        self.mail.wait_ready()
        self.wait_for_names()
        self.send(d)
        self.must_wait(d, 'does not name its host mx2')
        self.assertEqual(self.web.count(d), 2)
        self.assertEqual(evil.sessions, 0)
        # also without a TXT record
        del self.names.records['_mta-sts.' + d]
        self.wait_for_names()
        self.mail.ctl('queue', 'flush')
        time.sleep(1)
        self.assertEqual(evil.sessions, 0)
        self.names.records[d]['MX'] = ['10 mx1.d17.test']
        self.wait_for_names()
        self.mail.ctl('queue', 'flush')
        wait_until(lambda: len(peer.messages) == 2)

    def test_a_policy_grows_too_old(self):
        d = self.domain(18, policy('else.test', age=3))
        peer = self.host(d, tls=None)
        self.send(d)
        self.must_wait(d, 'does not name its host')
        self.web.policies['mta-sts.' + d] = http(b'', '404 Not Found')
        del self.names.records['_mta-sts.' + d]
        time.sleep(3.5)
        self.mail.ctl('queue', 'flush')
        wait_until(lambda: peer.messages)
        self.assertFalse(peer.messages[0][3])

    def test_a_domain_takes_its_policy_back(self):
        d = self.domain(19, policy('else.test'))
        peer = self.host(d, tls=None)
        self.send(d)
        self.must_wait(d, 'does not name its host')
        self.web.policies['mta-sts.' + d] = http(policy(mode='none', age=60))
        self.names.records['_mta-sts.' + d]['TXT'] = ['v=STSv1; id=2']
        self.wait_for_names()
        self.mail.ctl('queue', 'flush')
        wait_until(lambda: peer.messages)

    def test_the_process_that_fetches_may_die(self):
        d = self.domain(30, lambda r: time.sleep(30))
        peer = self.host(d)
        self.send(d)
        wait_until(lambda: self.web.count(d))
        os.kill(self.fetcher(), 9)
        wait_until(lambda: peer.messages, 40)  # nobody answers: it goes without
        d = self.domain(31, policy('mx1.d31.test'))
        peer = self.host(d)
        self.send(d)
        wait_until(lambda: peer.messages)
        self.assertEqual(self.web.count(d), 1)

    def fetcher(self):
        parent = self.mail.processes['smtpd'].pid
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/stat') as f:
                name, _, rest = f.read().partition(' (')[2].rpartition(') ')
                if name == 'fetcher' and int(rest.split()[1]) == parent:
                    return int(pid)
        raise AssertionError('it does not run')


if __name__ == '__main__':
    harness.main('__main__')
