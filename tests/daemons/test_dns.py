"""vectisctl dns against a Cloudflare of our own, and with no token at all."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import harness
from cloudflare import EDIT, ROUTE, Cloudflare, Refused
from instance import CertificateAuthority, build_dir
from peers import Names, WebServer, http
from test_ctl import FAILED, GOOD, USAGE, Box, terminal

DOMAIN, HOST = 'vectis.test', 'mail.vectis.test'
SPF = 'v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all'


class Case(unittest.TestCase):
    token, user = EDIT, '""'
    ownership = ('--trust',)

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
        self.box = Box(user=self.user)
        os.chmod(self.box.folder, 0o755)
        self.addCleanup(self.box.remove)
        settings = self.names.settings('test', 'in-addr.arpa', 'ip6.arpa').replace(
            'dns:\n', 'dns:\n  addresses: ["192.0.2.1", "2001:DB8::1"]\n')
        text = self.box.text(HOST).replace(
            'provider: self-signed', f'provider: letsencrypt\n  authorities: {self.ca.cert}')
        self.box.write(text + settings + f'cloudflare:\n  api: {self.cloud.base}\n')
        if self.token is not None:
            self.set_token(self.cloud.token([DOMAIN], self.token))
        self.good('setup', '--unattended')
        self.good('domain', 'add', DOMAIN, *self.ownership)

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
        self.assertEqual(self.zone.say('TXT', '_smtp._tls.' + DOMAIN),
                         [f'"v=TLSRPTv1; rua=mailto:tlsrpt@{DOMAIN}"'])
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
        kept = [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith('.zone')]
        self.assertEqual([open(k).read() for k in kept], [before])
        self.assertEqual(os.stat(kept[0]).st_mode & 0o777, 0o600)
        self.good('dns', 'apply', DOMAIN, '--take', '--yes')
        self.assertEqual(z.say('MX', DOMAIN), ['10 ' + HOST])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_a_name_for_browsers(self):
        """DNS-17: beside the mail host, and the only record of ours that is proxied."""
        admin = 'admin.' + DOMAIN
        with open(self.box.config) as f:
            text = f.read()
        self.box.write(text.replace('\ndns:\n', f'\ndns:\n  admin_host: {HOST}\n'))
        self.bad(USAGE, 'what is proxied takes no mail', 'dns', 'plan', DOMAIN)
        self.box.write(text.replace('\ndns:\n', f'\ndns:\n  admin_host: {admin.upper()}\n')
                       .replace('\ntls:\n', '\ntls:\n  email: a@vectis.test\n'))
        self.assertIn(f'{admin}. A 192.0.2.1 (proxied)', self.good('dns', 'plan', DOMAIN))
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual({(r['name'], r['type'], r['content'], r['comment'][:13])
                          for r in self.zone.records if r['proxied']},
                         {(admin, 'A', '192.0.2.1', 'vectis:admin '),
                          (admin, 'AAAA', '2001:db8::1', 'vectis:admin ')})
        self.assertEqual(self.zone.say('A', HOST), ['192.0.2.1'])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        # a certificate of its own is asked for (TLS-25)
        self.assertIn(admin, self.good('cert', 'status'))
        # it goes with the server's name, or when there is none any more
        self.good('dns', 'withdraw', DOMAIN, '--yes')
        self.assertEqual(self.zone.say('A', admin), ['192.0.2.1'])
        self.box.write(text)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.say('A', admin), [])

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

    def test_another_server_of_the_domain(self):
        """DNS-09: it has a key where ours would be; neither harms the other."""
        selector = sorted(self.dkim())[0]
        other = {'type': 'TXT', 'name': f'{selector}._domainkey.{DOMAIN}',
                 'content': '"v=DKIM1; k=rsa; p=AAAA"'}
        self.zone.add(other['type'], other['name'], other['content'],
                      comment='vectis:dkim 000000')
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual(plan['clashes'], 2)
        self.assertEqual(plan['dkim_clash'], 'vectisctl domain dkim-rotate ' + DOMAIN)
        self.bad(FAILED, 'in the way', 'dns', 'apply', DOMAIN, '--yes')
        self.assertIn('keys with names of their own', self.good('dns', 'plan', DOMAIN))
        done = self.json('domain', 'dkim-rotate', DOMAIN.upper())
        self.assertEqual((done['taken'], done['forgotten']), ([selector, selector + 'e'],
                                                              [selector]))
        keys = {k['selector']: k['state'] for k in done['dkim']}
        self.assertEqual(len(keys), 3)
        new = [s for s in keys if re.fullmatch(selector + 'e?-[0-9a-f]{6}', s)]
        self.assertEqual([keys[s] for s in new], ['signs', 'signs'])
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.say('TXT', other['name']), [other['content']])
        ids = {r['comment'] for r in self.ours() if new[0] in r['name'] or new[1] in r['name']}
        self.assertEqual(len(ids), 1)
        self.assertRegex(ids.pop(), '^vectis:dkim ' + new[0].split('-')[1] + '$')
        # made with the domain, where the DNS alone tells, and where nobody answers
        self.names.add(f'{selector}._domainkey.two.test', 'TXT', 'v=DKIM1; p=BBBB')
        self.names.add(f'{selector}._domainkey.three.test', 'TXT', 'v=DKIM1; p=CCCC')
        for name in (selector + '-' + new[0].split('-')[1], selector):
            self.names.add(f'{name}._domainkey.four.test', 'TXT', 'v=DKIM1; p=')
        self.names.broken.add(f'{selector}._domainkey.three.test')
        two, three, four = (self.json('domain', 'add', d + '.test')
                            for d in ('two', 'three', 'four'))
        self.assertEqual(two['taken'], [selector])
        self.assertEqual({k['selector'] for k in two['dkim']},
                         {selector + '-' + new[0].split('-')[1], selector + 'e'})
        self.assertEqual(three['taken'], [])
        self.assertRegex(three['warnings'][0], 'does not answer.*three.test')
        self.assertEqual(four['taken'], [])  # a wildcard has what nobody set
        self.assertEqual({k['selector'] for k in four['dkim']}, {selector, selector + 'e'})

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

    def test_removed_with_its_records(self):
        """DNS-37: the records first, then the domain; or later, when it is gone."""
        def apply(domain=DOMAIN):
            self.good('dns', 'apply', domain, '--yes')
            return {r['name'] for r in self.ours()}
        self.zone.add('A', 'www.' + DOMAIN, '192.0.2.9')
        self.zone.add('TXT', 'x._domainkey.' + DOMAIN, 'v=DKIM1; p=AAAA',
                      comment='vectis:dkim 000000')
        apply()
        remove = ('domain', 'remove', DOMAIN, '--confirm')
        self.bad(USAGE, 'withdraw or keep, not "x"', *remove, '--dns', 'x')
        self.good('mailbox', 'add', 'ann@' + DOMAIN, '--generate')
        self.bad(FAILED, 'still has 1 mailboxes', *remove, '--dns', 'withdraw', '--yes')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST])
        self.good('mailbox', 'remove', 'ann@' + DOMAIN, '--purge', '--confirm')
        # what fails can be done again
        self.bad(USAGE, 'add --yes', *remove, '--dns', 'withdraw')
        self.set_token(self.cloud.token([DOMAIN], EDIT - {'dns:edit'}))
        self.bad(FAILED, 'DNS > Edit(.|\n)*was not removed', *remove, '--yes')
        self.set_token(self.cloud.token([DOMAIN], EDIT))
        done = self.json(*remove, '--dns', 'withdraw', '--yes')
        self.assertEqual((done['dns'], done['name']), ('withdrawn', DOMAIN))
        left = {HOST, 'www.' + DOMAIN, 'x._domainkey.' + DOMAIN}
        self.assertEqual({r['name'] for r in self.zone.records}, left)
        self.assertEqual(self.json('domain', 'list')['domains'], [])
        # nobody is there to be asked: they stay, and the command is named
        for answer, stay in (('no', True), ('yes', False)):  # a person is asked
            self.good('domain', 'add', DOMAIN)
            apply()
            said, status = terminal(self.box, list(remove), [('yes, no.*: ', answer + '\n')])
            self.assertEqual((status, bool(self.zone.say('MX', DOMAIN))), (GOOD, stay), said)
        self.good('domain', 'add', DOMAIN)
        self.zone.add('TXT', DOMAIN, 'v=spf1 include:news.example ~all')
        self.assertGreater(len(apply()), 5)
        self.assertIn('news.example ip4:', self.zone.say('TXT', DOMAIN)[0])
        self.assertIn(f'"vectisctl dns withdraw {DOMAIN}" removes', self.good(*remove))
        self.bad(FAILED, 'there is no domain', 'dns', 'plan', DOMAIN)
        self.bad(USAGE, 'add --yes', 'dns', 'withdraw', DOMAIN)
        # meanwhile another server may have it
        mx = next(r for r in self.zone.records if r['type'] == 'MX')
        mx['content'] = 'other.' + DOMAIN
        self.bad(FAILED, f'those of another server.*--former other.{DOMAIN}',
                 'dns', 'withdraw', DOMAIN, '--yes')
        mx['content'] = HOST
        self.assertIn('not hosted here', self.good('dns', 'withdraw', DOMAIN, '--yes'))
        self.assertEqual({r['name'] for r in self.zone.records}, left | {DOMAIN})
        self.assertEqual(self.zone.say('TXT', DOMAIN), ['"v=spf1 include:news.example ~all"'])
        with open(os.path.join(self.box.state, 'dns', 'merged')) as f:
            self.assertEqual(json.load(f), {})

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


INBOX = 'spare@inbox.test'
INCLUDE = 'include:_spf.mx.cloudflare.net'


class Backup(Case):
    """Email Routing, declared, begun and ended by its API."""
    token = ROUTE

    def setUp(self):
        super().setUp()
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'cloudflare', '--backup-to', INBOX)

    def paths(self):
        return [(m, p.split('/v4')[1].replace(self.zone.id, 'Z').replace(
            self.cloud.account, 'A')) for m, p, _ in self.cloud.requests if m != 'GET']

    def test_from_begin_to_end(self):
        # nobody gets mail who has not agreed: nothing else is done before
        text = self.bad(FAILED, INBOX + ' has not agreed', 'dns', 'apply', DOMAIN, '--yes')
        self.assertIn(f'  + Email Routing: ask {INBOX} to agree', text)
        self.assertEqual(self.cloud.addresses, {INBOX: False})
        self.assertEqual((self.zone.routing, self.zone.rule['enabled']), (False, False))
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST])
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual((plan['email_routing']['todo'], plan['email_routing']['confirmed']),
                         (['confirm', 'catch-all', 'enable', 'unlock'], False))
        # and then it is, in an order in which no mail is lost
        self.cloud.addresses[INBOX] = True
        self.cloud.requests.clear()
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.paths(), [
            ('PUT', '/zones/Z/email/routing/rules/catch_all'),
            ('POST', '/zones/Z/email/routing/dns'), ('PATCH', '/zones/Z/email/routing/dns'),
            ('POST', '/zones/Z/dns_records/batch')])
        self.assertEqual(self.zone.rule['actions'], [{'type': 'forward', 'value': [INBOX]}])
        self.assertEqual([int(x.split()[0]) for x in self.zone.say('MX', DOMAIN)],
                         [10, 13, 24, 86])
        self.assertEqual(self.zone.say('TXT', DOMAIN),
                         [f'"{SPF}"'.replace(' -all', f' {INCLUDE} -all')])
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual((plan['work'], plan['clashes'], plan['email_routing']['todo'],
                          plan['email_routing']['status']), (0, 0, [], 'misconfigured'))
        self.assertIn('that is what is wanted here', self.good('dns', 'plan', DOMAIN))
        # another inbox, and none
        self.cloud.addresses['other@inbox.test'] = True
        self.good('domain', 'set', DOMAIN, '--backup-to', 'other@inbox.test')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.rule['actions'][0]['value'], ['other@inbox.test'])
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'none')
        self.assertIn('  - Email Routing: switch it off',
                      self.good('dns', 'apply', DOMAIN, '--yes'))
        self.assertEqual((self.zone.routing, self.zone.rule['enabled'],
                          self.zone.say('MX', DOMAIN), self.zone.say('TXT', DOMAIN)),
                         (False, False, ['10 ' + HOST], [f'"{SPF}"']))
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_what_was_tied_to_it_is_made_anew(self):
        """SPF that Email Routing wrote and we merged into goes with it."""
        self.cloud.addresses[INBOX] = True
        self.zone.records = [r for r in self.zone.records if r['name'] == HOST]
        self.zone.set_routing(False)
        self.zone.enable_routing()
        for r in self.zone.records:
            if r['type'] == 'MX':  # they come before us
                r['priority'] //= 10
        text = self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertIn('has to come after this server', text)
        self.assertEqual([int(x.split()[0]) for x in self.zone.say('MX', DOMAIN)],
                         [10, 51, 52, 53])
        self.assertEqual(len(self.zone.say('TXT', DOMAIN)), 1)
        self.good('dns', 'withdraw', DOMAIN, '--yes')
        self.assertEqual((self.zone.routing, self.zone.say('MX', DOMAIN)), (False, []))
        self.zone.enable_routing()
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'none')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual((self.zone.say('MX', DOMAIN), self.zone.say('TXT', DOMAIN)),
                         (['10 ' + HOST], [f'"{SPF}"']))

    def test_what_others_have_set(self):
        self.cloud.addresses = {INBOX: True, 'boss@inbox.test': True}
        self.zone.rule = {'enabled': True, 'name': 'mine', 'actions': [
            {'type': 'forward', 'value': ['boss@inbox.test']}]}
        self.bad(FAILED, 'boss@inbox.test', 'dns', 'apply', DOMAIN, '--yes')
        self.assertEqual((self.zone.routing, self.zone.rule['name']), (False, 'mine'))
        self.good('dns', 'apply', DOMAIN, '--take', '--yes')
        self.assertEqual(self.zone.rule['name'], 'vectis:backup')

    def test_it_cannot_be(self):
        sub = 'sub.' + DOMAIN
        self.good('domain', 'add', sub)
        self.good('domain', 'set', sub, '--backup-mx', 'cloudflare', '--backup-to', INBOX)
        self.bad(FAILED, f'a whole zone: it can be the backup of {DOMAIN}.*--backup-mx HOST',
                 'dns', 'apply', sub, '--yes')
        # who has rules there himself declares it without an inbox
        self.good('domain', 'set', sub, '--backup-mx', 'none')
        self.good('domain', 'set', sub, '--backup-mx', 'cloudflare')
        self.good('dns', 'apply', sub, '--yes')
        self.assertEqual(len(self.zone.say('MX', sub)), 4)
        self.assertFalse(self.zone.routing)
        self.set_token(self.cloud.token([DOMAIN], ROUTE - {'addresses:edit'}))
        self.bad(FAILED, 'Account > Email Routing Addresses > Edit', 'dns', 'plan', DOMAIN)
        self.cloud.addresses[INBOX] = True
        self.set_token(self.cloud.token([DOMAIN], ROUTE - {'settings:edit'}))
        self.bad(FAILED, 'Zone > Zone Settings > Edit', 'dns', 'apply', DOMAIN, '--yes')
        # what was done already does no harm, and the rest is done when it can be
        self.assertEqual((self.zone.rule['enabled'], self.zone.say('MX', DOMAIN)),
                         (True, ['10 ' + HOST]))
        self.set_token(self.cloud.token([DOMAIN], ROUTE))
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(len(self.zone.say('MX', DOMAIN)), 4)
        for args, pattern in (
                (('--backup-mx', 'none', '--backup-to', INBOX), 'goes with'),
                (('--backup-to', 'x@' + DOMAIN), 'is here'), (('--backup-to', 'x'), 'no address'),
                (('--backup-mx', 'a b'), 'another mail server'),
                (('--backup-mx', HOST), 'another mail server')):
            self.bad(USAGE, pattern, 'domain', 'set', DOMAIN, *args)
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'cloudflare')
        found = {d['name']: d for d in self.json('domain', 'list')['domains']}[DOMAIN]
        self.assertEqual((found['backup_mx'], found['backup_to']), ('cloudflare', INBOX))

    def test_another_server(self):
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'Spare.test')
        self.assertEqual(self.json('domain', 'list')['domains'][0]['backup_mx'], 'spare.test')
        done = self.box.run('dns', 'apply', DOMAIN, '--yes')
        self.assertIn('the backup spare.test has no address', done.stderr)
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST, '50 spare.test'])
        self.assertEqual(self.zone.say('TXT', DOMAIN),
                         [f'"{SPF}"'.replace(' -all', ' +a:spare.test -all')])
        self.assertIn('has nowhere to go', done.stderr)
        self.names.add('spare.test', 'A', '192.0.2.99')
        self.good('domain', 'set', DOMAIN, '--incoming', 'on')
        self.assertEqual(self.box.run('dns', 'plan', DOMAIN).stderr, '')
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'none')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual((self.zone.say('MX', DOMAIN), self.zone.say('TXT', DOMAIN)),
                         (['10 ' + HOST], [f'"{SPF}"']))


class Merged(Case):
    """An SPF record that is not ours, which our mechanisms come into and go from again."""
    token = ROUTE
    THEIRS = 'v=spf1 include:news.example a:x.example ~all'
    WITH = 'v=spf1 include:news.example a:x.example ip4:192.0.2.1 ip6:2001:db8::1 ~all'

    def setUp(self):
        super().setUp()
        self.cloud.addresses[INBOX] = True
        self.zone.add('TXT', DOMAIN, self.THEIRS)

    def spf(self):
        (text,) = self.zone.answers()[DOMAIN]['TXT']
        return text

    def backup(self, *args):
        self.good('domain', 'set', DOMAIN, '--backup-mx', *args)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)

    def test_a_backup_comes_and_goes(self):
        self.backup('cloudflare', '--backup-to', INBOX)
        # Email Routing has added its own record meanwhile: the order is no matter
        self.assertEqual(set(self.spf().split()), {*self.WITH.split(), INCLUDE})
        self.backup('spare.test')
        self.assertEqual(self.spf(), self.WITH.replace(' ~all', ' +a:spare.test ~all'))
        # a change that fails half-way is not forgotten
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'none')
        self.cloud.faults = [None] * 5 + [Refused(400, 9005, 'Content is wrong.')] * 20
        self.bad(FAILED, 'Content is wrong', 'dns', 'apply', DOMAIN, '--yes')
        self.cloud.faults = []
        self.backup('none')
        self.assertEqual(self.spf(), self.WITH)
        # and with the domain all goes that came from here
        self.good('dns', 'withdraw', DOMAIN, '--yes')
        self.assertEqual(self.spf(), self.THEIRS)

    def test_what_was_theirs_stays(self):
        self.zone.records = []
        self.zone.add('TXT', DOMAIN, f'v=spf1 {INCLUDE} a:spare.test -all')
        before = self.spf()
        self.backup('cloudflare', '--backup-to', INBOX)
        self.backup('spare.test')
        self.backup('none')
        self.assertEqual(self.spf(), before.replace(
            ' -all', ' ip4:192.0.2.1 ip6:2001:db8::1 -all'))
        # they take out what was merged, and write it again: it is theirs then
        for r in self.zone.records:
            if 'v=spf1' in r['content']:
                r['content'] = 'v=spf1 ip4:192.0.2.1 -all'
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('dns', 'withdraw', DOMAIN, '--yes')
        self.assertEqual(self.spf(), 'v=spf1 -all')
        self.zone.add('TXT', 'x.' + DOMAIN, 'x')
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['clashes'], 0)


class Proofs(Case):
    """Records of dns-persist-01, for an authority that takes them."""
    DIRECTORY, ACCOUNT = 'https://ca.test/dir', 'https://ca.test/a/1'

    def authority(self, persists='ca.test', account=ACCOUNT, names='["*.vectis.test"]'):
        """What acmed keeps of it."""
        with open(self.box.config) as f:
            text = f.read()
        if 'directories' not in text:
            text = text.replace('provider: letsencrypt\n', 'provider: letsencrypt\n'
                                f'  email: x@{DOMAIN}\n  names: {names}\n')
            text += f'acme:\n  directories: ["{self.DIRECTORY}"]\n'
        self.box.write(re.sub('(?m)^  names: .*', f'  names: {names}', text))
        os.makedirs(self.box.state + '-acme', mode=0o700, exist_ok=True)
        with open(self.box.state + '-acme/state.json', 'w') as f:
            json.dump({'version': 1, 'certs': [], 'groups': [], 'accounts': [
                {'directory': self.DIRECTORY, 'url': account, 'persists': persists,
                 'issuers': 'ca.test'}]}, f)

    def proofs(self):
        return {n[20:]: t['TXT'] for n, t in self.zone.answers().items()
                if n.startswith('_validation-persist.')}

    def test_from_begin_to_end(self):
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.proofs(), {})
        self.authority(persists='')
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.proofs(), {})
        self.authority()
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual({(r['name'], r['required']) for r in plan['records']
                          if r['purpose'] == 'persist'},
                         {('_validation-persist.' + HOST, False),
                          ('_validation-persist.' + DOMAIN, False)})
        # somebody else's proof is no affair of ours
        self.zone.add('TXT', '_validation-persist.' + HOST, 'other.test; accounturi=x:y')
        self.good('dns', 'apply', DOMAIN, '--yes')
        value = f'ca.test; accounturi={self.ACCOUNT}'
        self.assertEqual(self.proofs(), {
            HOST: ['other.test; accounturi=x:y', value],
            DOMAIN: [value + '; policy=wildcard']})
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        # another account, and other names
        self.authority(account='https://ca.test/a/2', names='["imap.vectis.test"]')
        self.good('dns', 'apply', DOMAIN, '--yes')
        value = 'ca.test; accounturi=https://ca.test/a/2'
        self.assertEqual(self.proofs()[HOST][1:], [value])
        self.assertEqual(self.proofs()['imap.' + DOMAIN], [value])
        self.good('dns', 'withdraw', DOMAIN, '--yes')
        self.assertEqual(self.proofs()['imap.' + DOMAIN], [value])
        self.good('dns', 'withdraw', DOMAIN, '--with-host', '--yes')
        self.assertEqual(self.proofs()[HOST], ['other.test; accounturi=x:y'])
        self.assertNotIn('imap.' + DOMAIN, self.proofs())

    def test_on_paper(self):
        os.remove(os.path.join(self.box.folder, 'secrets.yaml'))
        self.authority()
        self.assertIn(f'_validation-persist.{DOMAIN}.\t60\tIN\tTXT\t"ca.test; accounturi='
                      f'{self.ACCOUNT}; policy=wildcard"', self.good('dns', 'export', DOMAIN))

    def test_domain_check_says_nothing_false(self):
        self.authority()

        def row():
            done = self.box.run('--json', 'domain', 'check', DOMAIN)
            return next((c['verdict'], c['seen']) for c in json.loads(done.stdout)['checks']
                        if c['name'] == 'acme.persist')
        value = f'CA.test;accounturi={self.ACCOUNT}'
        self.names.add('_validation-persist.' + HOST, 'TXT', value)
        self.names.add('_validation-persist.' + DOMAIN, 'TXT', value)
        self.assertEqual(row(), (
            'warn', f'the record of {DOMAIN} is not for what is below the name; '
            '1 of 2 are proven for good'))


class Policy(Case):
    def test_the_id_follows_the_policy(self):
        self.assertNotIn('mta_sts', self.json('dns', 'plan', DOMAIN))
        self.good('domain', 'set', DOMAIN, '--mta-sts', 'testing')
        first = self.json('dns', 'plan', DOMAIN)['mta_sts']
        self.assertEqual(first['policy'], 'version: STSv1\r\nmode: testing\r\n'
                                          f'mx: {HOST}\r\nmax_age: 604800\r\n')
        self.assertEqual(first['id'], hashlib.sha256(
            first['policy'].encode()).hexdigest()[:32])
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.zone.say('TXT', '_mta-sts.' + DOMAIN),
                         [f'"v=STSv1; id={first["id"]};"'])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        self.assertIn(f'To be served at https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt:\n'
                      '  version: STSv1\n  mode: testing\n', self.good('dns', 'plan', DOMAIN))
        # it changes with what the policy says
        self.good('domain', 'set', DOMAIN, '--mta-sts', 'enforce', '--backup-mx', 'spare.test')
        second = self.json('dns', 'plan', DOMAIN)
        self.assertIn('mx: spare.test\r\n', second['mta_sts']['policy'])
        self.assertNotEqual(second['mta_sts']['id'], first['id'])
        self.assertEqual(self.json('domain', 'list')['domains'][0]['mta_sts'], 'enforce')
        # and one that is written elsewhere has an id of its own
        plan = self.json('dns', 'plan', DOMAIN, '--mta-sts', 'abc')
        self.assertIn('v=STSv1; id=abc;', [r['value'] for r in plan['records']])
        self.assertNotIn('mta_sts', plan)


class Tangles(Case):
    def test_a_way_out_is_proposed(self):
        self.zone.add('A', 'www.' + DOMAIN, '192.0.2.9', proxied=True)
        self.zone.add('MX', DOMAIN, 'www.' + DOMAIN, priority=20)
        self.zone.add('SRV', '_imaps._tcp.sub.' + DOMAIN, '0 1 993 dc-0123456789ab.' + DOMAIN)
        self.assertIn('_dc-mx.', self.zone.answers()[DOMAIN]['MX'][0])
        found = self.json('dns', 'plan', DOMAIN)
        self.assertEqual([(t['target'], t['substitute'],
                           [(r['name'], r['type'], r['value']) for r in t['instead']])
                          for t in found['tangles']], [
            ('www.' + DOMAIN, False, [
                (HOST, 'A', '192.0.2.1'), (HOST, 'AAAA', '2001:db8::1'),
                (DOMAIN, 'MX', '20 ' + HOST)]),
            ('dc-0123456789ab.' + DOMAIN, True, [
                (HOST, 'A', '192.0.2.1'), (HOST, 'AAAA', '2001:db8::1'),
                ('_imaps._tcp.sub.' + DOMAIN, 'SRV', '0 1 993 ' + HOST)])])
        self.assertNotIn('move_to', found)
        # the server itself
        self.zone.records = []
        self.zone.add('A', HOST, '192.0.2.1', proxied=True)
        self.zone.add('MX', DOMAIN, HOST, priority=10)
        found = self.json('dns', 'plan', DOMAIN)
        self.assertEqual(found['move_to'], 'mx.' + DOMAIN)
        self.assertIn(f'vectisctl dns move mx.{DOMAIN}', self.good('dns', 'plan', DOMAIN))


class Move(Case):
    """The server gets another name: mx2.vectis.test."""
    TO = 'mx2.' + DOMAIN

    def setUp(self):
        super().setUp()
        self.other = self.cloud.zone('other.test')
        self.set_token(self.cloud.token())
        self.good('domain', 'add', 'other.test')
        for domain in (DOMAIN, 'other.test'):
            self.good('dns', 'apply', domain, '--yes')

    def certificate(self, *names):
        self.good('cert', 'import', *self.ca.issue('mail', hosts=names))

    def config(self, key):
        return self.json('config', 'get', key)[key]

    def names_of(self, zone):
        """Which of both names its records lead to."""
        text = ' '.join(f'{r["name"]} {r["content"]}' for r in zone.records)
        return [n for n in (HOST, self.TO) if re.search(r'(?<![.\w])' + re.escape(n), text)]

    def test_all_the_way(self):
        # the name is found, and has a certificate, before anything leads to it
        self.bad(FAILED, f'no certificate for {self.TO}.*tls.email is not set.*has {HOST} and '
                 f'{self.TO} .*cert import', 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.zone.say('A', self.TO), ['192.0.2.1'])
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST])
        self.certificate(HOST, self.TO)
        before = self.zone.export(), self.other.export()
        plan = self.json('dns', 'move', self.TO, '--plan')
        self.assertEqual((self.zone.export(), self.other.export()), before)
        self.assertEqual([d['domain'] for d in plan['domains']], ['other.test', DOMAIN])
        self.assertGreater(plan['domains'][0]['work'], 0)
        self.good('domain', 'set', DOMAIN, '--mta-sts', 'enforce')
        done = self.json('dns', 'move', self.TO, '--yes')
        self.assertEqual((done['phase'], done['clients']), ('wait', self.TO))
        self.assertEqual([(p['address'], p['right']) for p in done['ptr']],
                         [('192.0.2.1', False), ('2001:db8::1', False)])
        with open(self.box.config) as f:
            self.assertIn('# kept\nhostname: ' + self.TO, f.read())
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + self.TO])
        self.assertEqual(self.other.say('MX', 'other.test'), ['10 ' + self.TO])
        # who remembers the old name finds it
        self.assertEqual(self.names_of(self.other), [self.TO])
        self.assertEqual(self.zone.say('A', HOST), ['192.0.2.1'])
        policies = [d['mta_sts']['policy'] for d in done['domains'] if 'mta_sts' in d]
        self.assertIn(f'mx: {self.TO}\r\nmx: {HOST}\r\n', policies[0])
        self.names.add('1.2.0.192.in-addr.arpa', 'PTR', self.TO)
        done = self.json('dns', 'move', self.TO, '--yes')
        self.assertEqual((done['phase'], done['work']), ('wait', 0))
        self.assertLessEqual(done['seconds_left'], 300)
        self.assertEqual(self.zone.say('A', HOST), ['192.0.2.1'])
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes', '--no-wait')['phase'], 'done')
        self.assertEqual(self.names_of(self.zone), [self.TO])
        for domain in (DOMAIN, 'other.test'):
            self.assertEqual(self.json('dns', 'plan', domain)['work'], 0)
        self.bad(FAILED, 'called mx2.vectis.test already', 'dns', 'move', self.TO)

    def test_broken_off(self):
        """Wherever it stops: what is there works, and it goes on."""
        self.certificate(HOST, self.TO)
        self.set_token(self.cloud.token(['other.test', DOMAIN]))
        batches = 0

        def fail(zone):
            nonlocal batches
            batches += 1
            if batches == 1:
                self.cloud.faults = [Refused(400, 9005, 'Content is wrong.')] * 20
        self.other.changed = fail
        self.bad(FAILED, 'goes on from there', 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.other.say('MX', 'other.test'), ['10 ' + self.TO])
        self.assertEqual((self.zone.say('MX', DOMAIN), self.zone.say('A', HOST)),
                         (['10 ' + HOST], ['192.0.2.1']))
        self.cloud.faults = []
        self.bad(FAILED, 'on its way to', 'dns', 'move', 'mx3.' + DOMAIN, '--yes')
        # meanwhile no domain is led back
        plan = self.json('dns', 'plan', 'other.test')
        self.assertEqual((plan['work'], len(plan['warnings'])), (0, 1))
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes')['phase'], 'wait')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + self.TO])
        self.assertEqual(self.config('hostname'), self.TO)
        # and back
        self.good('dns', 'move', HOST, '--yes', '--no-wait')
        self.assertEqual(self.names_of(self.other), [HOST])
        self.assertEqual(self.names_of(self.zone), [HOST])
        self.assertEqual(self.config('hostname'), HOST)
        self.assertFalse(os.path.exists(self.box.state + '/dns/move'))

    def test_back_before_anything_led_there(self):
        self.bad(FAILED, 'no certificate', 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.zone.say('A', self.TO), ['192.0.2.1'])
        self.certificate(HOST)
        # nobody can remember it: it is not waited for
        self.assertEqual(self.json('dns', 'move', HOST, '--yes')['phase'], 'done')
        self.assertEqual(self.names_of(self.zone), [HOST])
        # but on the way back from a way back all may remember each
        self.bad(FAILED, 'no certificate', 'dns', 'move', self.TO, '--yes')
        self.certificate(HOST, self.TO)
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes')['phase'], 'wait')
        self.assertEqual(self.json('dns', 'move', HOST, '--yes')['phase'], 'wait')
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes')['phase'], 'wait')

    def test_a_certificate_of_ones_own(self):
        with open(self.box.config) as f:
            text = f.read()
        one = self.ca.issue('mail', hosts=(HOST,))
        text = text.replace('provider: letsencrypt', 'provider: custom\n'
                            f'  cert_path: {one[0]}\n  key_path: {one[1]}')
        self.box.write(text)
        self.good('config', 'apply')
        self.bad(FAILED, f'custom: put one that has {HOST} and {self.TO} at {one[0]}',
                 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST])
        self.ca.issue('mail', hosts=(HOST, self.TO))
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes')['phase'], 'wait')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + self.TO])
        self.assertIn(self.TO, self.json('cert', 'status')['certificates'][0]['names'])

    def test_a_policy_that_forbids_it(self):
        """Whoever heeds MTA-STS would not deliver to the new name."""
        self.certificate(HOST, self.TO)
        served = {}
        web = WebServer(self.ca.issue('web', hosts=('mta-sts.other.test',)), answers={
            '/.well-known/mta-sts.txt': lambda _: http(served['policy'], kind='text/plain')})
        self.addCleanup(web.stop)
        self.names.add('mta-sts.other.test', 'A', '127.0.0.1')
        with open(self.box.config) as f:
            self.box.write(f.read() + f'sending:\n  sts_port: {web.port}\n')
        self.good('domain', 'set', 'other.test', '--mta-sts', 'enforce')
        lines = 'version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\nmx: %s\r\n'
        served['policy'] = (lines % HOST).encode()
        self.bad(FAILED, '1 domains have a policy of MTA-STS', 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.other.say('MX', 'other.test'), ['10 ' + HOST])
        served['policy'] = (lines % f'{HOST}\r\nmx: {self.TO}').encode()
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes')['phase'], 'wait')
        self.assertEqual(self.other.say('MX', 'other.test'), ['10 ' + self.TO])

    def test_killed_anywhere(self):
        """Each request to Cloudflare may be the last."""
        self.certificate(HOST, self.TO)
        self.cloud.delay = 0.05
        done, stops = None, 0
        while done is None:
            stops += 3
            self.cloud.requests.clear()
            process = subprocess.Popen(
                [self.box.ctl, '-c', self.box.config, '--json', 'dns', 'move', self.TO, '--yes'],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            while len(self.cloud.requests) < stops and process.poll() is None:
                time.sleep(0.005)
            if process.poll() is None:
                process.kill()
            out = process.communicate()[0]
            if process.returncode == GOOD:
                done = json.loads(out)
            # whoever is led to a name finds the server there
            for zone, domain in ((self.zone, DOMAIN), (self.other, 'other.test')):
                (mx,) = zone.say('MX', domain)
                self.assertEqual(self.zone.say('A', mx.split()[1]), ['192.0.2.1'])
        self.assertGreater(stops, 6)
        self.assertEqual(done['phase'], 'wait')
        self.assertEqual(self.names_of(self.other), [self.TO])

    def test_what_stands_in_the_way(self):
        self.bad(USAGE, 'no name of a server', 'dns', 'move', 'a b')
        self.bad(FAILED, 'already', 'dns', 'move', HOST)
        self.certificate(HOST, self.TO)
        self.zone.add('A', self.TO, '198.51.100.7')
        self.bad(FAILED, 'nothing was changed', 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.other.say('MX', 'other.test'), ['10 ' + HOST])
        self.zone.records.pop()
        # what the token does not see is led there by hand, and waited for
        self.names.add('far.test', 'MX', '10 ' + HOST)
        self.good('domain', 'add', 'far.test')
        self.bad(FAILED, '1 domains are served elsewhere', 'dns', 'move', self.TO, '--yes')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + self.TO])
        self.names.records['far.test'] = {'MX': ['10 ' + self.TO]}
        self.assertEqual(self.json('dns', 'move', self.TO, '--yes')['phase'], 'wait')
        os.remove(os.path.join(self.box.folder, 'secrets.yaml'))
        self.bad(FAILED, 'cloudflare.api_token', 'dns', 'move', self.TO)


@unittest.skipIf(os.geteuid(), 'only root gives rights up')
class Rights(Case):
    """Of another user is only what has to be."""
    TO, user = 'mx2.' + DOMAIN, 'nobody'

    def test_root_moves_the_server(self):
        os.chmod(self.box.config, 0o600)
        os.chmod(self.folder, 0o755)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('cert', 'import', *self.ca.issue('mail', hosts=(HOST, self.TO)))
        move = ['dns', 'move', self.TO]
        # each step is asked for
        said, status = terminal(self.box, move, [('Publish them.*: ', 'no\n')])
        self.assertEqual((status, self.zone.say('A', self.TO)), (FAILED, []), said)
        said, status = terminal(self.box, move, [
            ('Publish them.*: ', 'yes\n'), ('Lead all these domains.*: ', 'yes\n'),
            (f'Call the server {self.TO}.*: ', 'no\n')])
        self.assertEqual(status, FAILED, said)
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + self.TO])
        self.assertEqual(self.json('config', 'get', 'hostname')['hostname'], HOST)
        said, status = terminal(self.box, move, [
            (f'Call the server {self.TO}.*: ', 'yes\n')])
        self.assertEqual(status, GOOD, said)
        self.assertEqual(self.json('config', 'get', 'hostname')['hostname'], self.TO)
        for path, mine in ((self.box.config, True), (self.box.state + '/dns/move', False),
                           (self.box.state + '/applied.yaml', False)):
            self.assertEqual((os.stat(path).st_uid == 0, os.stat(path).st_mode & 0o777),
                             (mine, 0o600), path)
        self.good('dns', 'move', HOST, '--yes', '--no-wait')
        self.assertEqual(self.zone.say('MX', DOMAIN), ['10 ' + HOST])
        self.assertNotIn('move', os.listdir(self.box.state + '/dns'))


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
        self.assertIn(f'  {DOMAIN}. 60 MX 10 {HOST}.\n', text)
        self.assertIn(f'  {DOMAIN}. 60 TXT "{SPF}"\n', text)
        for selector, value in self.dkim().items():
            quoted = ' '.join(f'"{value[i:i + 255]}"' for i in range(0, len(value), 255))
            self.assertIn(f'  {selector}._domainkey.{DOMAIN}. 60 TXT {quoted}\n', text)
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertIsNone(plan['provider'])
        self.assertEqual({r['purpose'] for r in plan['records'] if r['required']},
                         {'host', 'mx', 'spf', 'dkim', 'dmarc'})
        self.assertEqual({r['ttl'] for r in plan['records']}, {60})
        # once a check has found nothing wrong
        folder = os.path.join(self.box.state, 'dns', 'checks')
        os.makedirs(folder)
        with open(os.path.join(folder, DOMAIN), 'w') as f:
            f.write('vectis-checks 1\npassed 1795888800\n')
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual({r['ttl'] for r in plan['records']}, {3600})
        self.assertIn('Recommended:', self.bad(FAILED, 'without a token', 'dns', 'apply',
                                               DOMAIN))
        self.bad(FAILED, 'without a token', 'dns', 'withdraw', DOMAIN)
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'cloudflare', '--backup-to', INBOX)
        self.assertIn(f'lead all mail of {DOMAIN} to {INBOX}', self.good('dns', 'plan', DOMAIN))
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
