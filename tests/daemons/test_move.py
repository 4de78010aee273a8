"""The server gets another name: its certificate, its zones, what its listeners say.

One instance of two domains; its own zone is signed, and what Cloudflare is told is what the
DNS answers.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from acme_peers import Pebble, Proxy, find_pebble
from cloudflare import Cloudflare
from instance import DOMAIN, CertificateAuthority, Instance, run
from peers import Names
from signed_names import SignedNames

# domains are led over in the order of their names
OLD, NEW, OTHER = 'mail.' + DOMAIN, 'mx2.' + DOMAIN, 'another.test'
NAMES_OF_OTHERS = {'ca.test': {'A': ['127.0.0.1']}}
DOTTED = ('CNAME', 'MX', 'SRV')


def wait(what, seconds=60):
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise AssertionError('it did not come')
        time.sleep(0.05)


class Move(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not find_pebble():
            raise unittest.SkipTest('no pebble: it is unpacked by ./dev check, when apt-get '
                                    'can have it')
        cls.closing = contextlib.ExitStack()
        cls.addClassCleanup(cls.closing.close)
        cls.signed = cls.closing.enter_context(SignedNames(DOMAIN, {'mail': {
            'A': ['127.0.0.1']}}))
        cls.signed.start()
        cls.names = Names(dict(NAMES_OF_OTHERS))
        cls.closing.callback(cls.names.stop)
        folder = tempfile.mkdtemp(prefix='vectis-')
        cls.closing.callback(shutil.rmtree, folder)
        outer = CertificateAuthority(folder)
        cls.cloud = Cloudflare(outer.issue('api', hosts=('localhost',)))
        cls.closing.callback(cls.cloud.stop)
        cls.zone, cls.other = cls.cloud.zone(DOMAIN), cls.cloud.zone(OTHER)
        cls.zone.changed, cls.other.changed = cls.publish_signed, cls.publish
        cls.history = []  # (zone, what leads where) of each change
        cls.mail = mail = Instance(provider='letsencrypt', accounts=('alice',), pop3=False,
                                   daemons=('smtpd', 'imapd', 'acmed'))
        os.makedirs(mail.folder, exist_ok=True)
        mail.ca = CertificateAuthority(mail.folder)
        with open(outer.cert) as one, open(mail.ca.cert, 'a') as both:
            both.write(one.read())
        cls.pebble = Pebble(mail.ca, cls.signed.port, mail.http_port, nonces=0, reuse=100)
        cls.closing.callback(cls.pebble.stop)
        cls.proxy = Proxy(cls.pebble)
        cls.closing.callback(cls.proxy.stop)
        mail.tls = (f'  # ours\n  names: []  # more of them\n  email: postmaster@{DOMAIN}\n'
                    f'  authorities: {mail.ca.cert}\n  key_type: ecdsa\n')
        mail.settings = (
            f'acme:\n  directories: ["{cls.pebble.directory(cls.proxy.port)}"]\n'
            + cls.signed.settings(*(f'{z} 127.0.0.1@{cls.names.port}' for z in (
                'ca.test', OTHER, 'in-addr.arpa')))
            + '  addresses: ["127.0.0.1"]\n' + f'cloudflare:\n  api: {cls.cloud.base}\n')
        with open(os.path.join(mail.folder, 'secrets.yaml'), 'w') as f:
            f.write(f'cloudflare:\n  api_token: "{cls.cloud.token()}"\n')
        os.chmod(f.name, 0o600)
        cls.closing.enter_context(mail)
        mail.ctl('domain', 'add', OTHER, '--incoming', 'on')
        wait(lambda: 'text="certificate for ' in mail.log('acmed'))
        for domain in (DOMAIN, OTHER):
            mail.ctl('dns', 'apply', domain, '--yes')

    # --- the DNS that Cloudflare serves ----------------------------------------------

    @classmethod
    def note(cls, zone):
        cls.history.append((zone.name, {
            kind: sorted(r['name'] + ' ' + r['content'] for r in zone.records
                         if r['type'] == kind) for kind in ('A', 'MX', 'TLSA')}))

    @classmethod
    def publish_signed(cls, zone):
        cls.note(zone)
        records = {}
        for name, kinds in zone.answers().items():
            short = '@' if name == DOMAIN else name[:-len(DOMAIN) - 1]
            records[short] = {k: [t + '.' if k in DOTTED and t[-1] != '.' else t for t in texts]
                              for k, texts in kinds.items()}
        cls.signed.change(DOMAIN, records)

    @classmethod
    def publish(cls, zone):
        cls.note(zone)
        known = ('A', 'AAAA', 'MX', 'TXT', 'CNAME')
        cls.names.records = {**NAMES_OF_OTHERS, **{
            n: {k: t for k, t in kinds.items() if k in known}
            for n, kinds in zone.answers().items()}}

    # --- the command, and whoever restarts daemons where there is no systemd -----------

    def move(self, *args, meanwhile=None, code=0):
        """What it said; meanwhile is called with its process, in a thread."""
        process = subprocess.Popen(
            [os.path.join(self.mail.build, 'vectisctl', 'vectisctl'), '-c', self.mail.config,
             'dns', 'move', *args, '--yes'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, universal_newlines=True)
        said = []
        thread = threading.Thread(target=meanwhile or (lambda _: None), args=(process,))
        thread.start()
        for line in process.stdout:
            said.append(line)
            if 'waiting until these are started' in line:
                for name in re.findall(r'vectis-(\w+)', line):
                    self.mail.kill(name, signal.SIGTERM)
                    self.mail.start(name)
        process.stdout.close()
        thread.join()
        self.assertEqual(process.wait(), code, ''.join(said))
        return ''.join(said)

    def json(self, *args):
        done = subprocess.run(
            [os.path.join(self.mail.build, 'vectisctl', 'vectisctl'), '-c', self.mail.config,
             '--json', *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False,
            timeout=60)
        return json.loads(done.stdout)

    def checks(self, domain):
        return {c['name']: c for c in self.json('domain', 'check', domain)['checks']}

    # --- what others see ----------------------------------------------------------------

    def seen(self, name):
        """Which names the certificate for a name has, by IMAP; it is believed."""
        context = ssl.create_default_context(cafile=self.pebble.root())
        with socket.create_connection(('127.0.0.1', self.mail.ports['imaps']), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                return {n for _, n in tls.getpeercert()['subjectAltName']}

    def by_smtp(self, name):
        """Who greets on port 25, and for whom the certificate is that it shows for a name."""
        context = ssl.create_default_context(cafile=self.pebble.root())
        with self.mail.smtp() as c:
            c._host = name  # what it asks for, and believes
            c.starttls(context=context)
            greeting = c.ehlo()[1].split()[0].decode()
            return greeting, {n for _, n in c.sock.getpeercert()['subjectAltName']}

    def mx(self, zone):
        return zone.say('MX', zone.name)

    # --- tests, in this order -------------------------------------------------------------

    def test_1_a_plan_changes_nothing(self):
        before = self.zone.export(), self.other.export()
        with open(self.mail.config) as f:
            config = f.read()
        said = self.move(NEW, '--plan')
        self.assertIn(f'tls.names becomes ["{OLD}", "{NEW}"].', said)
        self.assertRegex(said, rf'\+ {NEW}\. (\d+ )?A 127\.0\.0\.1')
        self.assertRegex(said, rf'~ {OTHER}\. (\d+ )?MX 10 {NEW}\.')
        self.assertIn(f'hostname becomes {NEW}', said)
        self.assertEqual((self.zone.export(), self.other.export()), before)
        with open(self.mail.config) as f:
            self.assertEqual(f.read(), config)
        self.assertFalse(os.path.exists(self.mail.state + '/dns/move'))

    def test_2_an_authority_that_fails(self):
        self.proxy.before = lambda n, method, path: path == '/order-plz' and (
            403, [('Content-Type', 'application/problem+json')],
            b'{"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"not today"}')
        said = self.move(NEW, code=1)
        self.proxy.before = lambda n, method, path: None
        self.assertIn('not today', said)
        self.assertIn(f'"vectisctl dns move {OLD}" goes back', said)
        # it can be found, and nothing leads there
        self.assertEqual(self.zone.say('A', NEW), ['127.0.0.1'])
        self.assertEqual((self.mx(self.zone), self.mx(self.other)), (['10 ' + OLD],) * 2)
        with open(self.mail.config) as f:
            text = f.read()
        self.assertIn('  # ours\n', text)
        self.assertIn('# more of them', text)
        self.assertIn(f'hostname: {OLD}\n', text)

    def test_3_killed_in_the_middle(self):
        """One domain leads there, and Cloudflare has not said so yet."""
        # but not while servers that look at TLSA records would find another key
        strange = self.zone.add('TLSA', '_25._tcp.' + NEW, '3 1 1 ' + 64 * '0')
        self.assertIn('no key of ours', self.move(NEW, code=1))
        self.assertEqual((self.mx(self.zone), self.mx(self.other)), (['10 ' + OLD],) * 2)
        self.zone.records.remove(strange)
        self.zone.changed(self.zone)
        led, killed = threading.Event(), threading.Event()

        def slow(zone):
            self.publish(zone)
            led.set()
            killed.wait(20)

        def kill(process):
            led.wait(60)
            process.kill()
            killed.set()
        type(self).other.changed = slow
        self.move(NEW, meanwhile=kill, code=-signal.SIGKILL)
        type(self).other.changed = self.publish
        self.assertEqual(self.mx(self.other), ['10 ' + NEW])
        self.assertEqual(self.mx(self.zone), ['10 ' + OLD])
        # both names are served, and both have their TLSA records, before anything leads there
        self.assertEqual((self.seen(OLD), self.seen(NEW)), ({OLD, NEW},) * 2)
        first = next(i for i, (_, r) in enumerate(self.history)
                     if any(NEW in x for x in r['MX']))
        keys = [r for z, r in self.history[:first] if z == DOMAIN][-1]['TLSA']
        old, new = ({x.split()[-1] for x in keys if x.startswith('_25._tcp.' + n)}
                    for n in (OLD, NEW))
        self.assertEqual((len(new), new), (2, old))

    def test_4_checked_meanwhile(self):
        domains = {DOMAIN: OLD, OTHER: NEW}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            both = pool.map(self.checks, domains)
        for (domain, leads), found in zip(domains.items(), both):
            self.assertEqual(found['move.left']['verdict'], 'info')
            self.assertIn(f'from {OLD} to {NEW}; left: ', found['move.left']['seen'])
            self.assertEqual(f'{domain} still leads to' in found['move.left']['seen'],
                             leads == OLD)
            for name in ('dns.mx', 'dns.host', 'tls.name', 'dane.tlsa', 'spf.missing_ip'):
                self.assertEqual(found[name]['verdict'], 'pass', found[name])

    def test_5_on_to_the_end(self):
        said = self.move(NEW)
        self.assertIn(f'have the PTR record of 127.0.0.1 name {NEW}', said)
        self.assertIn(f'others may remember {OLD} for ', said)
        self.assertEqual((self.mx(self.zone), self.mx(self.other)), (['10 ' + NEW],) * 2)
        for name in (OLD, NEW):
            self.assertEqual(self.by_smtp(name), (NEW, {OLD, NEW}))
        # who still uses the old name gets what he got
        self.assertEqual((self.seen(OLD), self.seen(NEW)), ({OLD, NEW},) * 2)
        self.assertEqual(self.zone.say('A', OLD), ['127.0.0.1'])
        for domain in (DOMAIN, OTHER):
            self.assertEqual(self.json('dns', 'plan', domain)['work'], 0)

    def test_6_the_old_name_goes(self):
        said = self.move(NEW, '--no-wait')
        self.assertIn(f'"vectisctl dns move {NEW} --retire" takes it out', said)
        for zone in (self.zone, self.other):
            self.assertNotIn(OLD, zone.export())
        self.assertEqual(self.seen(OLD), {OLD, NEW})
        said = self.move(NEW, '--retire')
        self.assertIn(f'the server is {NEW}, everywhere', said)
        self.assertEqual((self.seen(NEW), self.by_smtp(NEW)), ({NEW}, (NEW, {NEW})))
        with open(self.mail.config) as f:
            self.assertIn('  names: []  # more of them\n', f.read())
        self.assertIn('called ' + NEW + ' already', self.move(NEW, code=1))
        for domain in (DOMAIN, OTHER):
            self.assertEqual(self.json('dns', 'plan', domain)['work'], 0)


if __name__ == '__main__':
    harness.main(__name__)
