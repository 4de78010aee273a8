"""dns apply and domain check against name servers that follow the API and sign: Knot."""
import unittest

import harness
import test_check
from cloudflare import ROUTE
from knot_zone import KnotZone
from test_ctl import FAILED, GOOD
from test_dns import DOMAIN, HOST


class Signed(test_check.Check):
    """What is applied at Cloudflare is what Knot answers with."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.knot = KnotZone(DOMAIN)
        cls.addClassCleanup(cls.knot.__exit__)
        cls.knot.__enter__()

    def setUp(self):
        super().setUp()
        with open(self.box.config) as f:
            text = f.read()
        self.box.write(text.replace('trust_anchor: /nonexistent',
                                    f'trust_anchor: {self.knot.path("anchor")}')
                       .replace('  zones: [', f'  zones: ["{DOMAIN} 127.0.0.1@{self.knot.port}", '))
        self.good('config', 'apply', '--no-restart')
        self.zone.dnssec = 'active'
        self.zone.ds = self.knot.ds
        self.knot.follow(self.zone)

    def look(self, code):
        return self.alarms(code)

    def test_what_is_applied_is_right(self):
        # in a signed zone there is more to have
        plan = self.json('dns', 'plan', DOMAIN)
        self.assertEqual(plan['dnssec'], {'provider': 'active', 'ds': self.knot.ds,
                                          'host_validates': True})
        self.assertIn(f'DNSSEC: active at Cloudflare; {HOST} is signed, and validates here',
                      self.good('dns', 'plan', DOMAIN))
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        self.assertEqual(self.look(GOOD), {})
        found = {c['name']: c for c in self.json('domain', 'check', DOMAIN)['checks']}
        self.assertEqual(found['dns.dnssec']['verdict'], 'pass', found['dns.dnssec'])
        self.assertEqual(found['dane.tlsa']['verdict'], 'pass', found['dane.tlsa'])

    def test_the_orange_cloud(self):
        """Proxied: others see edges, and a name of Cloudflare's in MX."""
        self.good('dns', 'apply', DOMAIN, '--yes')
        for r in self.zone.records:
            r['proxied'] = r['name'] == HOST and r['type'] in ('A', 'AAAA')
        self.knot.follow(self.zone)
        alarms = self.look(FAILED)
        self.assertIn('cf.proxied', alarms)
        self.assertIn('_dc-mx.', alarms['cf.dc_record']['seen'])
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.look(GOOD), {})
        # and a service by another name
        self.zone.add('A', 'www.' + DOMAIN, '192.0.2.9', proxied=True)
        imaps, = [r for r in self.zone.records if r['name'].startswith('_imaps')]
        imaps['content'] = '1 993 www.' + DOMAIN
        imaps['data']['target'] = 'www.' + DOMAIN
        self.knot.follow(self.zone)
        found = self.look(GOOD)
        self.assertEqual(set(found), {'cf.dc_record'})
        self.assertIn('_imaps._tcp', found['cf.dc_record']['seen'])
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.look(GOOD), {})

    def test_email_routing_and_challenges_of_others(self):
        self.zone.hidden.append('a-challenge-of-an-edge-certificate')
        self.zone.set_routing(True)
        self.assertEqual(set(self.look(FAILED)), {'cf.email_routing'})
        self.zone.set_routing(False)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(self.look(GOOD), {})

    def test_a_declared_backup(self):
        self.set_token(self.cloud.token([DOMAIN], ROUTE))
        self.cloud.addresses['spare@inbox.test'] = True
        self.good('domain', 'set', DOMAIN, '--backup-mx', 'cloudflare', '--backup-to',
                  'spare@inbox.test')
        self.good('dns', 'apply', DOMAIN, '--yes')
        found = {c['name']: c for c in self.json('domain', 'check', DOMAIN)['checks']}
        self.assertEqual(found['cf.backup_inbox']['seen'],
                         'what comes there is led to spare@inbox.test')
        self.assertEqual([found[n]['verdict'] for n in ('cf.backup_inbox', 'cf.backup_mx',
                                                        'cf.backup_spf')],
                         ['pass', 'info', 'pass'])
        self.zone.rule['enabled'] = False
        self.assertEqual(set(self.look(FAILED)), {'cf.backup_inbox'})

    def test_the_parent_does_not_know_yet(self):
        self.zone.dnssec = 'pending'
        self.assertIn('the registrar has to publish: ' + self.knot.ds,
                      self.good('dns', 'plan', DOMAIN))


# those that it has of itself are run elsewhere, without signatures
for name in [n for n in dir(test_check.Check) if n.startswith('test_')]:
    if name not in Signed.__dict__:
        setattr(Signed, name, None)

if __name__ == '__main__':
    harness.main(__name__)
