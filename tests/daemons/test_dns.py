"""vectisctl dns against a Cloudflare of our own, and with no token at all."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import harness
from cloudflare import EDIT, Cloudflare, Refused
from instance import CertificateAuthority, build_dir
from peers import Names
from test_ctl import FAILED, GOOD, USAGE, Box

DOMAIN, HOST = 'vectis.test', 'mail.vectis.test'
SPF = 'v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all'


class Case(unittest.TestCase):
    token = EDIT

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='vectis-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.ca = CertificateAuthority(cls.folder)
        cls.pair = cls.ca.issue('api', hosts=('localhost',))

    def setUp(self):
        self.cloud = Cloudflare(self.pair)
        self.addCleanup(self.cloud.stop)
        self.zone = self.cloud.zone(DOMAIN)
        self.names = Names({DOMAIN: {'TXT': ['x']}})
        self.box = Box()
        self.addCleanup(self.box.remove)
        settings = self.names.settings('test').replace(
            'dns:\n', 'dns:\n  addresses: ["192.0.2.1", "2001:DB8::1"]\n')
        text = self.box.text(HOST).replace(
            'provider: self-signed', f'provider: letsencrypt\n  authorities: {self.ca.cert}')
        self.box.write(text + settings + f'cloudflare:\n  api: {self.cloud.base}\n')
        if self.token is not None:
            self.set_token(self.cloud.token([DOMAIN], self.token))
        self.good('setup', '--unattended')
        self.good('domain', 'add', DOMAIN)

    def set_token(self, token, mode=0o600):
        path = os.path.join(self.box.folder, 'secrets.yaml')
        with open(path, 'w') as f:
            f.write(f'cloudflare:\n  api_token: "{token}"\n')
        os.chmod(path, mode)

    def good(self, *args):
        done = self.box.run(*args)
        self.assertEqual(done.returncode, GOOD, (args, done.stdout, done.stderr))
        return done.stdout

    def json(self, *args, code=GOOD):
        done = self.box.run('--json', *args)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return json.loads(done.stdout)

    def bad(self, code, pattern, *args):
        done = self.box.run(*args)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        self.assertRegex(done.stderr, pattern)
        return done.stdout

    def ours(self):
        return [r for r in self.zone.records if (r['comment'] or '').startswith('vectis:')]

    def dkim(self):
        return {k['selector']: k['value']
                for k in self.json('domain', 'dkim', DOMAIN)['dkim']}


class Apply(Case):
    def test_an_empty_zone(self):
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual((plan['provider'], plan['zone'], plan['clashes']),
                         ('cloudflare', DOMAIN, 0))
        self.assertEqual(self.zone.records, [])
        self.assertEqual(plan['work'], len(plan['records']))
        done = self.json('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(done['done'], {'added': plan['work'], 'changed': 0, 'removed': 0})
        self.assertEqual(self.zone.say('A', HOST), ['192.0.2.1'])
        self.assertEqual(self.zone.say('AAAA', HOST), ['2001:db8::1'])
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST])
        self.assertEqual(self.zone.say('TXT', DOMAIN), [f'"{SPF}"'])
        self.assertEqual(self.zone.say('CNAME', 'autoconfig.' + DOMAIN), [HOST])
        self.assertEqual(self.zone.say('CAA', HOST),
                         ['0 issue "letsencrypt.org"', '0 issuewild ";"'])
        self.assertEqual(self.zone.say('TXT', '_dmarc.' + DOMAIN),
                         [f'"v=DMARC1; p=quarantine; rua=mailto:dmarc@{DOMAIN}; fo=1"'])
        self.assertFalse(any(r['proxied'] for r in self.zone.records))
        self.assertEqual(len(self.ours()), plan['work'])
        # the whole key has arrived, in strings of 255
        answers = self.zone.answers()
        for selector, value in self.dkim().items():
            name = f'{selector}._domainkey.{DOMAIN}'
            self.assertEqual(answers[name]['TXT'], [value])
            stored = self.zone.say('TXT', name)[0]
            self.assertEqual(stored.count('"'), 2 * -(-len(value) // 255))
        # once more there is nothing to do, and nothing is sent
        self.cloud.requests.clear()
        done = self.json('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual((done['work'], 'done' in done), (0, False))
        self.assertEqual([m for m, _, _ in self.cloud.requests], ['GET', 'GET'])
        # one list for the whole zone
        self.assertEqual(sum('dns_records?' in p for _, p, _ in self.cloud.requests), 1)

    def test_what_is_there_is_respected(self):
        z = self.zone
        z.add('TXT', DOMAIN, 'v=spf1 include:news.example ~all')
        z.add('TXT', DOMAIN, 'google-site-verification=abc')
        z.add('A', DOMAIN, '198.51.100.7', proxied=True)
        z.add('CNAME', 'www.' + DOMAIN, DOMAIN, proxied=True)
        z.add('TXT', '_dmarc.' + DOMAIN, 'v=DMARC1; p=none')
        z.add('MX', DOMAIN, 'aspmx.l.google.com', priority=1)
        before = z.export()
        text = self.bad(FAILED, 'in the way.*--take', 'dns', 'apply', DOMAIN, '--yes')
        self.assertIn('mail would go there', text)
        self.assertEqual(z.say('MX', DOMAIN), ['1 aspmx.l.google.com'])
        self.assertEqual(z.say('TXT', '_dmarc.' + DOMAIN), ['v=DMARC1; p=none'])
        self.assertEqual(z.say('TXT', DOMAIN), [
            '"v=spf1 include:news.example ip4:192.0.2.1 ip6:2001:db8::1 ~all"',
            'google-site-verification=abc'])
        self.assertTrue(z.proxied(DOMAIN))
        merged = [r for r in z.records if 'news.example' in r['content']]
        self.assertEqual([r['comment'] for r in merged], [None])
        # what it was before is kept for its owner alone
        folder = os.path.join(self.box.state, 'dns')
        kept = [os.path.join(folder, n) for n in os.listdir(folder)]
        self.assertEqual([open(k).read() for k in kept], [before])
        self.assertEqual(os.stat(kept[0]).st_mode & 0o777, 0o600)
        self.good('dns', 'apply', DOMAIN, '--take', '--yes')
        self.assertEqual(z.say('MX', DOMAIN), ['10 ' + HOST])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_the_orange_cloud(self):
        self.zone.add('A', HOST, '192.0.2.1', proxied=True)
        self.assertEqual(self.zone.answers()[HOST]['A'], ['104.16.7.7'])
        self.bad(FAILED, 'in the way', 'dns', 'apply', DOMAIN, '--yes')
        self.good('dns', 'apply', DOMAIN, '--take', '--yes')
        self.assertEqual(self.zone.answers()[HOST]['A'], ['192.0.2.1'])
        # and when somebody proxies what is ours
        for r in self.zone.records:
            if r['name'] == HOST and r['type'] == 'A':
                r['proxied'] = True
        self.assertIn('_dc-mx.', self.zone.answers()[DOMAIN]['MX'][0])
        self.assertIn('it is proxied', self.good('dns', 'apply', DOMAIN, '--yes'))
        self.assertEqual(self.zone.answers()[DOMAIN]['MX'], ['10 ' + HOST])

    def test_email_routing(self):
        self.zone.set_routing(True)
        self.bad(FAILED, 'in the way', 'dns', 'apply', DOMAIN, '--take', '--yes')
        self.assertEqual(len(self.zone.say('MX', DOMAIN)), 3)
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'cloudflare')
        self.assertEqual(self.json('domain', 'list')['domains'][0]['backup_mx'],
                         'cloudflare')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.say('MX', DOMAIN)[0], '10 ' + HOST)
        self.assertEqual(len(self.zone.say('MX', DOMAIN)), 4)
        self.assertIn('include:_spf.mx.cloudflare.net',
                      self.zone.say('TXT', DOMAIN)[0])
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'none')
        self.zone.set_routing(False)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.say('TXT', DOMAIN), [f'"{SPF}"'])

    def test_settings_of_the_domain(self):
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('domain', 'set', DOMAIN, '--spf', 'soft', '--dmarc', 'reject')
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual(sorted(c['want']['value'] for c in plan['changes']
                                if c['do'] == 'change'),
                         [f'v=DMARC1; p=reject; rua=mailto:dmarc@{DOMAIN}; fo=1',
                          SPF.replace('-all', '~all')])
        self.bad(USAGE, 'quarantine, none or reject', 'domain', 'set', DOMAIN, '--dmarc', 'x')
        self.good('domain', 'set', DOMAIN, '--spf', 'hard', '--dmarc', 'quarantine')
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_keys_come_and_go(self):
        self.good('dns', 'apply', DOMAIN, '--yes')
        old = self.dkim()
        self.good('domain', 'dkim-regenerate', DOMAIN, '--confirm')
        self.good('dns', 'apply', DOMAIN, '--yes')
        new = self.dkim()
        self.assertFalse(set(old.values()) & set(new.values()))
        answers = self.zone.answers()
        self.assertEqual({n.split('.')[0]: answers[n]['TXT'][0] for n in answers
                          if '._domainkey.' in n}, new)

    def test_another_name_for_the_server(self):
        self.good('dns', 'apply', DOMAIN, '--yes')
        new = 'mx2.' + DOMAIN
        with open(self.box.config) as f:
            text = f.read()
        self.box.write(text.replace('hostname: ' + HOST, 'hostname: ' + new))
        self.good('dns', 'apply', DOMAIN, '--former', HOST, '--yes')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + new])
        self.assertEqual(self.zone.say('A', new), ['192.0.2.1'])
        self.assertFalse([r for r in self.zone.records
                          if r['name'] == HOST or HOST in r['content']])

    def test_withdrawn(self):
        self.zone.add('A', 'www.' + DOMAIN, '192.0.2.9')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.bad(USAGE, 'add --yes', 'dns', 'withdraw', DOMAIN)
        self.good('dns', 'withdraw', DOMAIN, '--yes')
        self.assertEqual({r['name'] for r in self.zone.records}, {HOST, 'www.' + DOMAIN})
        self.good('dns', 'withdraw', DOMAIN, '--with-host', '--yes')
        self.assertEqual({r['name'] for r in self.zone.records}, {'www.' + DOMAIN})

    def test_large_zones(self):
        for n in range(1200):
            self.zone.add('A', f'h{n}.{DOMAIN}', '192.0.2.9')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_a_zone_above_the_domain(self):
        sub = 'sub.' + DOMAIN
        self.good('domain', 'add', sub, '--incoming', 'on')
        done = self.json('dns', 'apply', sub, '--yes')
        self.assertEqual(done['zone'], DOMAIN)
        self.assertEqual(self.zone.say('MX', sub), ['10 ' + HOST])
        # what is the other domain's stays when one goes
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('dns', 'withdraw', sub, '--yes')
        self.assertEqual(self.zone.say('MX', sub), [])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_exported(self):
        self.zone.add('TXT', DOMAIN, 'hello')
        self.assertIn(f'{DOMAIN}.\t1\tIN\tTXT\thello', self.good('dns', 'export', DOMAIN))
        self.assertEqual(self.json('dns', 'export', DOMAIN)['zone_file'], self.zone.export())


class Faults(Case):
    def test_what_passes_is_survived(self):
        self.cloud.faults = [None, 'html', 'cut', 'reset']
        self.assertGreater(self.json('dns', 'plan', DOMAIN)['work'], 0)
        self.cloud.faults = [('429', 1), None, 'twice', None, None, 'cut']
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_a_lost_answer_of_a_change(self):
        # zone, list, export, list, batch: done, but nobody hears of it
        self.cloud.faults = [None] * 4 + ['cut']
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(len(self.zone.say('MX', DOMAIN)), 1)

    def test_batches_are_all_or_nothing(self):
        self.cloud.faults = [None] * 4 + [Refused(400, 9005, 'Content is wrong.')]
        self.bad(FAILED, 'Content is wrong', 'dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.records, [])

    def test_tokens(self):
        for token, pattern in (
                (self.cloud.token(['other.test']), 'sees no zone for'),
                (self.cloud.token([DOMAIN], EDIT - {'dns:read'}), 'Zone > DNS > Edit'),
                (self.cloud.token([DOMAIN], EDIT - {'zone:read'}), 'token is not valid|lacks'),
                (self.cloud.token([DOMAIN], status='disabled'), 'not valid'),
                ('cfut_' + 'x' * 40, 'not valid'),
                ('0123456789abcdef', 'malformed')):
            self.set_token(token)
            self.bad(FAILED, pattern, 'dns', 'plan', DOMAIN)
        self.set_token(self.cloud.token([DOMAIN], EDIT - {'dns:edit'}))
        self.good('dns', 'plan', DOMAIN)
        self.bad(FAILED, 'Zone > DNS > Edit', 'dns', 'apply', DOMAIN, '--yes')
        self.set_token('a b')
        self.bad(USAGE, 'blanks', 'dns', 'plan', DOMAIN)
        self.set_token(self.cloud.token(), mode=0o640)
        done = self.bad(USAGE, 'chmod 600', 'dns', 'plan', DOMAIN)
        self.assertNotIn('cfut_', done)

    def test_words(self):
        self.bad(FAILED, 'no domain other.test', 'dns', 'plan', 'other.test')
        self.bad(USAGE, 'nobody is there to say yes', 'dns', 'apply', DOMAIN)
        self.assertEqual(self.zone.records, [])
        self.bad(FAILED, 'no records can be made', 'dns', 'plan', DOMAIN, '--former', 'a..b')

    def test_nobody_answers(self):
        self.cloud.faults = ['reset'] * 5
        self.bad(FAILED, 'there is no answer', 'dns', 'plan', DOMAIN)


class WithoutToken(Case):
    token = None

    def test_records_are_printed(self):
        text = self.good('dns', 'plan', DOMAIN)
        self.assertIn('Required:', text)
        self.assertIn(f'  {DOMAIN}. MX 10 {HOST}.\n', text)
        self.assertIn(f'  {DOMAIN}. TXT "{SPF}"\n', text)
        for selector, value in self.dkim().items():
            quoted = ' '.join(f'"{value[i:i + 255]}"' for i in range(0, len(value), 255))
            self.assertIn(f'  {selector}._domainkey.{DOMAIN}. TXT {quoted}\n', text)
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertIsNone(plan['provider'])
        self.assertEqual({r['purpose'] for r in plan['records'] if r['required']},
                         {'host', 'mx', 'spf', 'dkim', 'dmarc'})
        self.assertIn('Recommended:', self.bad(FAILED, 'without a token', 'dns', 'apply',
                                               DOMAIN))
        self.bad(FAILED, 'without a token', 'dns', 'withdraw', DOMAIN)
        self.assertEqual(self.cloud.requests, [])

    def test_as_a_zone_file(self):
        """Another name server reads what is exported."""
        text = self.good('dns', 'export', DOMAIN)
        path = os.path.join(self.box.folder, 'zone')
        with open(path, 'w') as f:
            f.write(f'$ORIGIN .\n$TTL 300\n{DOMAIN}. SOA ns.{DOMAIN}. x.{DOMAIN}. 1 1 1 1 1\n'
                    f'{DOMAIN}. NS ns.{DOMAIN}.\nns.{DOMAIN}. A 192.0.2.3\n{text}')
        if not shutil.which('kzonecheck'):
            self.skipTest('kzonecheck is not there')
        done = subprocess.run(['kzonecheck', '-o', DOMAIN, path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + text)


def certbot():
    """Where certbot's plugin is unpacked, as a path for Python; '' when it is not."""
    folder = os.path.join(build_dir(), 'peers')
    found = [os.path.join(folder, name, 'usr/lib/python3/dist-packages')
             for name in (os.listdir(folder) if os.path.isdir(folder) else ())
             if name.startswith('python3-')]
    path = os.pathsep.join(found)
    done = subprocess.run(['python3', '-c', 'import certbot_dns_cloudflare'], check=False,
                          env={**os.environ, 'PYTHONPATH': path}, stderr=subprocess.DEVNULL)
    return path if done.returncode == 0 else ''


PLUGIN = """
import sys
from certbot.errors import PluginError
from certbot_dns_cloudflare._internal.dns_cloudflare import _CloudflareClient
client = _CloudflareClient(api_token=sys.argv[1])
name, value = '_acme-challenge.' + sys.argv[2], 'a-challenge_1'
for _ in range(int(sys.argv[3])):
    client.add_txt_record(sys.argv[2], name, value, 120)
client.add_txt_record(sys.argv[2], name, 'another', 120)
print(client._find_txt_record_id(client._find_zone_id(sys.argv[2]), name, value))
client.del_txt_record(sys.argv[2], name, value)
"""


class Certbot(Case):
    """The mock is faithful as far as another client can tell."""

    def plugin(self, token, domain, times=1):
        return subprocess.run(
            ['python3', '-W', 'ignore', '-c', PLUGIN, token, domain, str(times)],
            env={**os.environ, 'PYTHONPATH': self.path, 'CLOUDFLARE_API_URL': self.cloud.base,
                 'REQUESTS_CA_BUNDLE': self.ca.cert, 'HOME': self.folder},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
            check=False, timeout=120)

    def setUp(self):
        self.path = certbot()
        if not self.path:
            self.skipTest('certbot with its plugin for Cloudflare is not there')
        super().setUp()

    def test_a_challenge(self):
        token = self.cloud.token([DOMAIN])
        done = self.plugin(token, HOST)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, '^[0-9a-f]{32}\n$')
        self.assertEqual(self.zone.say('TXT', '_acme-challenge.' + HOST), ['another'])
        methods = [m for m, _, _ in self.cloud.requests]
        self.assertEqual((methods.count('POST'), methods.count('DELETE')), (2, 1))

    def test_refused(self):
        for token, code in ((self.cloud.token(['other.test']), 'Unable to determine'),
                            ('cfut_' + 'x' * 40, '9109'), ('short', '6003')):
            done = self.plugin(token, HOST)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(code, done.stderr)


if __name__ == '__main__':
    harness.main(__name__)
