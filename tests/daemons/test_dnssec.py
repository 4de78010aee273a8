"""Sending where names are signed, by Knot: DANE, zones that are broken, zones that are not."""
import hashlib
import json
import smtplib
import subprocess
import time
import unittest

import harness
from instance import DOMAIN, CertificateAuthority, Instance, message
from peers import MailServer, Names
from signed_names import SignedNames
from test_sending import RETRY, wait_until

TOP = 'sec.test'


def digest_of(chain, key_only):
    """What a TLSA record says of a certificate: SHA-256 of its key, or of all of it."""
    command = ['openssl', 'x509', '-in', chain]
    command += ['-pubkey', '-noout'] if key_only else ['-outform', 'der']
    octets = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    if key_only:
        octets = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'der'], input=octets,
                                stdout=subprocess.PIPE, check=True).stdout
    return hashlib.sha256(octets).hexdigest()


class Dnssec(unittest.TestCase):
    """Each domain is name.zone.sec.test, with a server mx.name.zone.sec.test, 127.0.70.n."""

    ZONES = {'good': 'good', 'unsigned': 'unsigned', 'bogus': 'bogus', 'expired': 'expired',
             'broken': 'broken', 'broken-mx': 'broken:MX', 'broken-a': 'broken:A',
             'broken-tlsa': 'broken:TLSA'}
    # name: (its zone, what its server is: tls, clear, or other: its certificate is
    # for another name; TLSA records, %k: its key, %c: its certificate, %a: its issuer's)
    DOMAINS = {
        'plain': ('good', 'clear', []),
        'key': ('good', 'tls', ['3 1 1 %k']),
        'certificate': ('good', 'tls', ['3 0 1 %c']),
        'one-of-two': ('good', 'tls', ['3 1 1 ' + '00' * 32, '3 1 1 %k']),
        'issuer': ('good', 'tls', ['2 0 1 %a']),
        'alias': ('good', 'tls', ['3 1 1 %k']),
        'any-name': ('good', 'other', ['3 1 1 %k']),
        'issuer-name': ('good', 'other', ['2 0 1 %a']),
        'wrong': ('good', 'tls', ['3 1 1 ' + '00' * 32]),
        'no-tls': ('good', 'clear', ['3 1 1 %k']),
        'unusable': ('good', 'tls', ['1 1 1 ' + '00' * 32]),
        'unusable-clear': ('good', 'clear', ['1 1 1 ' + '00' * 32]),
        'bad-tlsa': ('broken-tlsa', 'tls', ['3 1 1 %k']),
        'bad-mx': ('broken-mx', 'tls', []),
        'bad-a': ('broken-a', 'tls', []),
        'all-bad': ('broken', 'tls', []),
        'bogus': ('bogus', 'tls', []),
        'expired': ('expired', 'tls', []),
        'unsigned': ('unsigned', 'clear', ['3 1 1 ' + '00' * 32]),
    }

    @classmethod
    def setUpClass(cls):
        cls.names = SignedNames(TOP)
        cls.addClassCleanup(cls.names.stop)
        probe = MailServer()
        cls.port = probe.port
        probe.stop()
        cls.peers = {}
        cls.ca = CertificateAuthority(cls.names.folder)
        cls.records = {zone: {} for zone in cls.ZONES}
        for number, name in enumerate(cls.DOMAINS):
            cls.add(number + 1, name)
        cls.records['good']['far'] = {'MX': [f'10 mx.unsigned.unsigned.{TOP}.']}
        for zone, state in cls.ZONES.items():
            cls.names.zone(f'{zone}.{TOP}', cls.records[zone], state)
        cls.names.start()
        other = Names({'old.test': {'MX': ['10 mx.old.test']},
                       'mx.old.test': {'A': ['127.0.70.99']}})
        cls.peers['old'] = MailServer('127.0.70.99', cls.port)
        cls.mail = Instance(settings='reports:\n  tls: yes\n' + RETRY % cls.port + cls.names.settings(
            f'old.test 127.0.0.1@{other.port}'), pop3=False, daemons=('smtpd',))
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)
        cls.mail.__enter__()
        with cls.mail.submission('alice') as s:
            for domain in list(map(cls.domain, cls.DOMAINS)) + ['far.good.' + TOP, 'old.test']:
                s.sendmail(f'alice@{DOMAIN}', ['x@' + domain],
                           message(domain, sender=f'alice@{DOMAIN}'))

    @classmethod
    def domain(cls, name):
        return f'{name}.{cls.DOMAINS[name][0]}.{TOP}'

    @classmethod
    def add(cls, number, name):
        zone, kind, tlsa = cls.DOMAINS[name]
        host, address = 'mx.' + cls.domain(name), f'127.0.70.{number}'
        chain, key = cls.ca.issue(name, hosts=('else.where' if kind == 'other' else host,))
        with open(chain, 'a') as f, open(cls.ca.cert) as issuer:
            f.write(issuer.read())
        for word, digest in (('%k', digest_of(chain, True)), ('%c', digest_of(chain, False)),
                             ('%a', digest_of(cls.ca.cert, False))):
            tlsa = [t.replace(word, digest) for t in tlsa]
        cls.records[zone].update({name: {'MX': [f'10 {host}.']}, 'mx.' + name: {'A': [address]}})
        if tlsa:
            cls.records[zone][f'_{cls.port}._tcp.mx.{name}'] = {'TLSA': tlsa}
        if name == 'alias':  # its records are elsewhere (RFC 7672 2.1.3)
            cls.records[zone]['elsewhere'] = {'TLSA': tlsa}
            cls.records[zone][f'_{cls.port}._tcp.mx.{name}'] = {
                'CNAME': [f'elsewhere.{zone}.{TOP}.']}
        cls.peers[name] = MailServer(address, cls.port,
                                     tls=None if kind == 'clear' else (chain, key))
        if name == 'wrong':
            cls.right = {'TLSA': ['3 1 1 ' + digest_of(chain, True)]}

    @classmethod
    def tearDownClass(cls):
        for peer in cls.peers.values():
            peer.stop()

    def reason(self, name):
        """Why its message was put off."""
        for m in json.loads(self.mail.ctl('queue', 'list', '--json'))['messages']:
            for r in m['to']:
                if r['destination'] == self.domain(name) and r['attempts']:
                    return r['reason']
        return None

    def arrives(self, name, secure):
        peer = self.peers[name]
        wait_until(lambda: peer.messages)
        sender, to, octets, was = peer.messages[0]
        self.assertEqual(was, secure)

    def waits(self, name, why):
        reason = wait_for(lambda: self.reason(name))
        self.assertRegex(reason, why)
        self.assertFalse(self.peers[name].messages)

    def test_without_tlsa_it_is_as_ever(self):
        self.arrives('plain', False)

    def test_the_server_s_key_or_certificate(self):
        for name in ('key', 'certificate', 'one-of-two', 'alias'):
            self.arrives(name, True)

    def test_the_issuer_s_certificate(self):
        self.arrives('issuer', True)

    def test_a_name_counts_only_with_an_issuer(self):
        self.arrives('any-name', True)
        self.waits('issuer-name', 'certificate is not one of mx.issuer-name')

    def test_another_certificate_waits_and_heals(self):
        self.waits('wrong', 'matches none of its TLSA records')
        self.records['good'][f'_{self.port}._tcp.mx.wrong'] = self.right
        self.names.change('good.' + TOP, self.records['good'])
        self.arrives('wrong', True)

    def test_no_tls_where_there_is_dane_waits(self):
        self.waits('no-tls', 'TLS is required and not offered')

    def test_records_of_no_use_want_tls_only(self):
        self.arrives('unusable', True)
        self.waits('unusable-clear', 'TLS is required and not offered')

    def test_tlsa_that_cannot_be_trusted_waits(self):
        self.waits('bad-tlsa', 'DNSSEC signatures of the hosts. TLSA records are wrong')

    def test_names_that_cannot_be_trusted_wait(self):
        for name in ('bad-mx', 'bad-a', 'all-bad', 'bogus', 'expired'):
            self.waits(name, 'DNSSEC signatures .*are wrong')

    def counted(self, name):
        """Sessions with a domain that its TLS report will tell of."""
        shown = json.loads(self.mail.ctl('reports', 'pending', '--all', '--json'))
        return sum(r['seen'] for r in shown['reports']
                   if (r['domain'], r['kind']) == (self.domain(name), 'tls'))

    def test_forged_answers_are_reported(self):
        for name in ('bad-tlsa', 'bad-mx', 'bad-a'):  # no host of theirs is spoken to
            wait_until(lambda: self.counted(name) > 0)

    def test_unsigned_tlsa_is_no_dane(self):
        self.arrives('unsigned', False)

    def test_a_signed_mx_with_an_unsigned_host_is_no_dane(self):
        wait_until(lambda: any('x@far.good.' + TOP in m[1][0] for m in self.peers['unsigned'].messages))

    def test_other_names_are_not_touched(self):
        self.arrives('old', False)


class Upstream(unittest.TestCase):
    def test_a_resolver_is_asked_for_everything(self):
        names = Names()
        peer = MailServer('127.0.70.98')
        self.addCleanup(peer.stop)
        names.add('up.example', 'MX', '10 mx.up.example')
        names.add('mx.up.example', 'A', '127.0.70.98')
        settings = ('dns:\n  trust_anchor: /nonexistent\n'
                    f'  upstream: ["127.0.0.1@{names.port}"]\n')
        with Instance(settings=RETRY % peer.port + settings, pop3=False,
                      daemons=('smtpd',)) as mail:
            with mail.submission('alice') as s:
                s.sendmail(f'alice@{DOMAIN}', ['x@up.example'],
                           message('up', sender=f'alice@{DOMAIN}'))
            wait_until(lambda: peer.messages)
        self.assertIn(('up.example', 15), names.asked)


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError('it does not come')
        time.sleep(0.05)


class Receiving(unittest.TestCase):
    """What is looked up for mail that comes in: what is bogus is not known now."""

    @classmethod
    def setUpClass(cls):
        cls.names = SignedNames(TOP)
        cls.addClassCleanup(cls.names.stop)
        for state in ('good', 'unsigned', 'bogus', 'expired', 'broken'):
            cls.names.zone(f'{state}.{TOP}', {
                '@': {'TXT': ['v=spf1 ip4:127.0.71.0/24 -all']},
                '_dmarc': {'TXT': ['v=DMARC1; p=reject']},
                'mail': {'A': ['127.0.71.1']},
                # a list of addresses: each of them is on it
                '2.0.0.127.bl': {'A': ['127.0.0.2']},
                '9.71.0.127.bl': {'A': ['127.0.0.2']},
            }, state)
        cls.names.start()
        reverse = Names({'1.71.0.127.in-addr.arpa': {'PTR': [f'mail.good.{TOP}']},
                         '2.71.0.127.in-addr.arpa': {'PTR': [f'mail.bogus.{TOP}']}})
        lists = ', '.join(f'"bl.{state}.{TOP}"' for state in ('good', 'bogus'))
        cls.mail = Instance(settings=f'workers: 2\nsmtp:\n  blocklists: [{lists}]\n' + cls.names.settings(
            f'127.in-addr.arpa 127.0.0.1@{reverse.port}'), pop3=False, daemons=('smtpd',))
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)
        cls.mail.__enter__()

    def attempt(self, zone, address='127.0.71.1', to=f'alice@{DOMAIN}'):
        with smtplib.SMTP('127.0.0.1', self.mail.ports['smtp'], f'mail.good.{TOP}',
                          source_address=(address, 0), timeout=60) as s:
            sender = f'a@{zone}.{TOP}'
            s.ehlo()
            s.mail(sender)
            code, answer = s.rcpt(to)
            if code == 250:
                code, answer = s.data(message(zone, sender=sender))
            return code, answer.decode()

    def checks(self, answer):
        (event,) = json.loads(self.mail.ctl('why', answer.split()[-1], '--json'))['events']
        return {c['check']: c['result'] for c in event['checks']}

    def test_signed_and_unsigned_names_are_as_good(self):
        for zone in ('good', 'unsigned'):
            code, answer = self.attempt(zone)
            self.assertEqual(code, 250, answer)
            checks = self.checks(answer)
            self.assertEqual((checks['spf'], checks['dmarc'], checks['name']),
                             ('pass', 'pass', 'pass'), zone)

    def test_what_is_bogus_is_a_failure_for_now(self):
        for zone in ('bogus', 'expired', 'broken'):
            code, answer = self.attempt(zone)
            self.assertEqual(code, 451, zone + answer)
            self.assertIn('4.7.24', answer)

    def test_a_bogus_name_of_the_client_is_not_known(self):
        code, answer = self.attempt('good', '127.0.71.2')
        self.assertEqual(code, 250, answer)
        self.assertEqual(self.checks(answer)['name'], 'not known now')

    def test_a_bogus_list_lists_nobody(self):
        # each worker has looked at the test points
        wait_until(lambda: self.mail.log('smtpd').count('blocklist works') == 2)
        code, answer = self.attempt('good', '127.0.71.9')
        self.assertEqual(code, 550, answer)
        self.assertIn(f'is listed by bl.good.{TOP}', answer)
        code, answer = self.attempt('good', '127.0.71.9', f'postmaster@{DOMAIN}')
        self.assertEqual(code, 250, answer)
        self.assertNotIn(f'bl.bogus.{TOP}', self.checks(answer))


if __name__ == '__main__':
    harness.main('__main__')
