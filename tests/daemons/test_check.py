"""vectisctl domain check: what dns apply sets up is right, and what is broken is named."""
import contextlib
import http.server
import json
import os
import re
import socket
import ssl
import threading
import time
import unittest

import harness
from cloudflare import EDIT
from instance import CertificateAuthority, free_ports
from peers import TYPES, Names
from test_ctl import FAILED, GOOD, USAGE, Box
from test_dns import DOMAIN, HOST, Case

FAR = 'gmail-smtp-in.l.google.com'


class Pages(http.server.ThreadingHTTPServer):
    """A web server that has one page, or none."""
    daemon_threads = True

    def __init__(self, port, pair):
        self.body, self.fields = '', []
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*pair)
        super().__init__(('127.0.0.1', port), Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        s, peer = super().get_request()
        s.settimeout(10)
        return self.tls.wrap_socket(s, server_side=True), peer

    def stop(self):
        self.shutdown()
        self.server_close()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        octets = self.server.body.encode()
        self.send_response(200 if octets else 404)
        self.send_header('Content-Length', str(len(octets)))
        for name, value in self.server.fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *_):
        pass


class Check(Case):
    def setUp(self):
        super().setUp()
        self.door = self.listen()
        with open(self.box.config) as f:
            text = f.read()
        port = int(text.split('listen: ["127.0.0.1:')[1].split('"')[0])
        self.pair, self.silent = None, False
        self.services = self.listen(port)
        threading.Thread(target=self.serve, args=(self.services,), daemon=True).start()
        zones = ', '.join(f'"{z} 127.0.0.1@{self.names.port}"' for z in (
            'test', 'google.com', 'cloudflare.net', '2.0.192.in-addr.arpa', '8.b.d.0.1.0.0.2.ip6.arpa',
            'list.example'))
        text = '\n'.join(f'  zones: [{zones}]' if line.startswith('  zones:') else line
                         for line in text.split('\n'))
        text = text.replace('provider: letsencrypt',
                            'provider: letsencrypt\n  dns_challenge: cloudflare')
        self.box.write(text.replace(
            'smtp:\n', 'smtp:\n  blocklists: ["list.example"]\n', 1) +
            f'sending:\n  port: {self.door.getsockname()[1]}\n' + self.others())
        self.good('config', 'apply', '--no-restart')
        chain, key = self.ca.issue('mail', days=60, hosts=(HOST,))
        self.good('cert', 'import', chain, key)
        self.good('domain', 'set', DOMAIN, '--incoming', 'on')
        self.good('mailbox', 'add', 'ann@' + DOMAIN, '--generate')
        self.good('alias', 'add', 'dmarc@' + DOMAIN, 'ann@' + DOMAIN)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.good('store', 'backup', self.box.folder + '/backup')
        self.publish()

    def others(self):
        """Resolvers that are asked directly, and where web servers would be."""
        self.public, self.system = Names(), Names()
        for names in (self.public, self.system):
            self.addCleanup(names.stop)
        return ('check:\n  https_port: 0\n'
                f'  resolvers: ["127.0.0.1@{self.public.port}"]\n'
                f'  system_resolvers: ["127.0.0.1@{self.system.port}"]\n')

    def listen(self, port=0):
        s = socket.create_server(('127.0.0.1', port))
        self.addCleanup(s.close)
        return s

    def publish(self):
        """What Cloudflare's name servers say, and others' besides.  No NS: the resolver would
        go to those servers from then on."""
        self.names.records = {name: {k: v for k, v in kinds.items() if k in TYPES}
                              for name, kinds in self.zone.answers().items()}
        self.names.records[FAR] = {'A': ['127.0.0.1']}
        for n in (1, 2, 3):
            self.names.records[f'route{n}.mx.cloudflare.net'] = {'A': ['203.0.113.9']}
        self.names.records['2.0.0.127.list.example'] = {'A': ['127.0.0.2']}
        self.names.records['1.2.0.192.in-addr.arpa'] = {'PTR': [HOST]}
        v6 = '.'.join(reversed('20010db8000000000000000000000001')) + '.ip6.arpa'
        self.names.records[v6] = {'PTR': [HOST]}
        self.public.records = self.names.records
        self.system.records = self.names.records

    def test_what_the_host_needs(self):
        """DNS-26, DNS-29, DNS-35."""
        found = self.json('dns', 'host')
        both = [{'name': HOST, 'type': 'A', 'value': '192.0.2.1'},
                {'name': HOST, 'type': 'AAAA', 'value': '2001:db8::1'}]
        self.assertEqual((found['records'], found['withheld']), (both, []))
        self.assertEqual(found['ptr'][0], {'address': '192.0.2.1', 'found': HOST, 'wanted': HOST,
                                           'good': True, 'how': ''})
        with open(self.box.config) as f:
            listened = {int(p) for p in re.findall(r'"127\.0\.0\.1:(\d+)"', f.read())}
        self.assertEqual(found['ports_in'], sorted(listened | {80}))
        self.assertEqual(found['ports_out'], [25, 53, 443])
        # an address of somebody else still, and one without a name
        self.names.records['1.2.0.192.in-addr.arpa'] = {
            'PTR': ['static.1.2.0.192.clients.your-server.de']}
        v6 = [n for n in self.names.records if n.endswith('ip6.arpa')]
        self.names.records[v6[0]] = {'TXT': ['x']}
        said = self.good('dns', 'host')
        self.assertIn(f'{HOST}. A 192.0.2.1', said)
        self.assertNotIn(f'{HOST}. AAAA', said)
        self.assertIn('no AAAA record for 2001:db8::1', said)
        self.assertIn('clients.your-server.de; Hetzner: ', said)
        # nobody answers
        self.names.stop()
        began = time.monotonic()
        found = self.json('dns', 'host')
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual([p['found'] for p in found['ptr']], [None, None])
        self.assertEqual(found['withheld'], both[1:])

    def alarms(self, code):
        began = time.monotonic()
        found = self.json('domain', 'check', DOMAIN, code=code)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(sum(found['counts'].values()), len(found['checks']))
        for c in found['checks']:
            self.assertTrue(c['seen'], c)
            if c['verdict'] in ('warn', 'fail'):
                self.assertTrue(c['why'] and c['fix'] and c['wait'], c)
        return {c['name']: c for c in found['checks'] if c['verdict'] in ('warn', 'fail')
                and c['name'] not in ('disk.free', 'mem')}  # of who runs the test

    def test_what_is_applied_is_right(self):
        # a certificate of thirty days' life, which nobody renews
        self.assertEqual(self.alarms(GOOD), {})
        report = self.json('domain', 'check', DOMAIN)['report']
        self.assertEqual((report['score'], sum(s['weight'] for s in report['sections'])),
                         (100, 100))
        self.assertEqual([s['name'] for s in report['sections']], [
            'mx', 'spf', 'dkim', 'dmarc', 'verification', 'ptr', 'tls', 'reputation'])
        text = self.good('domain', 'check', DOMAIN)
        self.assertIn('deliverability: 100 of 100', text)
        self.assertIn('pass  mail for the domain comes here (DX-DN-01 dns.mx): 10 ' + HOST,
                      text)
        self.assertIn('info  how long records are kept', text)
        self.assertNotIn('n/a', text.partition('deliverability')[0])
        self.assertIn('n/a ', self.good('domain', 'check', DOMAIN, '--all'))

    def only(self, name, verdict='fail', code=FAILED):
        self.publish()
        alarms = self.alarms(code)
        self.assertEqual({n: c['verdict'] for n, c in alarms.items()}, {name: verdict})
        return alarms[name]

    def test_the_orange_cloud(self):
        for r in self.zone.records:
            r['proxied'] = r['name'] == HOST and r['type'] in ('A', 'AAAA')
        self.publish()
        alarms = self.alarms(FAILED)
        self.assertEqual({n for n in alarms if alarms[n]['verdict'] == 'fail'},
                         {'cf.proxied'})
        self.assertIn('_dc-mx.', alarms['cf.dc_record']['seen'])

    def test_email_routing(self):
        self.zone.set_routing(True)
        self.assertIn('Email Routing', self.only('cf.email_routing')['seen'])

    def test_a_key_is_cut(self):
        for r in self.zone.records:
            if '_domainkey' in r['name'] and len(r['content']) > 300:
                r['content'] = r['content'][:200] + '"'
        found = self.only('dkim.mismatch')
        self.assertRegex(found['seen'], 'has 1[0-9]+ characters, ours 392')
        for value in self.dkim().values():
            if len(value) > 300:
                self.assertIn(value, found['fix'])

    def test_flattened(self):
        self.zone.flatten_all = True
        self.only('cf.cname_flatten', 'warn', GOOD)

    def test_the_token(self):
        self.set_token(self.cloud.token([DOMAIN], EDIT - {'dns:edit'}))
        self.assertIn('Zone > DNS > Edit', self.only('cf.token')['seen'])

    def test_the_mode_of_secrets(self):
        os.chmod(os.path.join(self.box.folder, 'secrets.yaml'), 0o644)
        self.assertIn('chmod 600', self.only('conf.secrets_mode', 'warn', GOOD)['fix'])

    def test_ports(self):
        self.services.shutdown(socket.SHUT_RDWR)  # the thread holds it as long as it waits
        self.services.close()
        self.assertIn('nothing listens', self.only('net.in25')['seen'])
        self.services = self.listen(self.services_port())

    def services_port(self):
        with open(self.box.config) as f:
            return int(f.read().split('listen: ["127.0.0.1:')[1].split('"')[0])

    def test_no_way_out(self):
        self.door.close()
        self.assertIn('relay', self.only('net.out25')['fix'])

    def test_a_list(self):
        self.publish()
        self.names.records['1.2.0.192.list.example'] = {'A': ['127.0.0.4']}
        found = self.json('domain', 'check', DOMAIN, code=FAILED)
        self.assertIn(('rbl.listed', 'fail'), [(c['name'], c['verdict']) for c in found['checks']])
        self.assertEqual(found['report']['score'], 95)

    def test_the_certificate_is_for_another(self):
        chain, key = self.ca.issue('other', hosts=('other.test',))
        self.good('cert', 'import', chain, key)
        self.assertIn('other.test', self.only('tls.name')['seen'])

    def serve(self, services):
        """Takes connections, with TLS if there is a pair for it; else it hangs up at once,
        which is nothing to wait for, or says nothing."""
        held = []
        while services.fileno() >= 0:
            with contextlib.suppress(OSError):
                client = services.accept()[0]
                if self.silent:
                    held.append(client)
                    continue
                if self.pair:
                    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    tls.load_cert_chain(*self.pair)
                    client = tls.wrap_socket(client, server_side=True)
                client.close()

    def serve_tls(self, chain, key):
        self.pair = chain, key

    def test_an_authority_that_nobody_knows(self):
        folder = os.path.join(self.folder, 'strange')
        os.makedirs(folder)
        chain, key = CertificateAuthority(folder).issue('mail', days=60, hosts=(HOST,))
        self.good('cert', 'import', chain, key)
        self.serve_tls(chain, key)
        self.assertIn('issuers', self.only('tls.chain')['fix'])

    def test_an_authority_that_is_known(self):
        chain, key = self.ca.issue('again', hosts=(HOST,))
        self.good('cert', 'import', chain, key)
        self.serve_tls(chain, key)
        self.assertEqual(self.alarms(GOOD), {})

    def look(self, change, code=GOOD):
        """All verdicts after the DNS was changed in a way."""
        self.publish()
        change()
        found = self.json('domain', 'check', DOMAIN, code=code)
        return {c['name']: c for c in found['checks']}

    def test_the_server_itself(self):
        """What is in the file and not in force; a clock that is slow."""
        with open(self.box.config) as f:
            text = f.read()
        self.box.write(text.replace('smtp:\n', 'smtp:\n  max_received: 49\n', 1))
        found = self.look(lambda: None)
        self.assertEqual(found['conf.drift']['verdict'], 'warn')
        self.assertEqual(found['conf.drift']['seen'],
                         'changed and not applied: smtp.max_received')
        self.assertEqual({n: found[n]['verdict'] for n in ('quota.level', 'svc', 'clock')},
                         {'quota.level': 'pass', 'svc': 'n/a', 'clock': 'pass'})
        self.assertIn('MB free', found['disk.free']['seen'])
        self.assertIn('can be had', found['mem']['seen'])
        self.cloud.clock = 3600
        found = self.look(lambda: None)['clock']
        self.assertEqual(found['verdict'], 'warn')
        self.assertRegex(found['seen'], r'^3[56]\d\d seconds slow$')

    def test_what_was_found_before(self):
        path = os.path.join(self.box.state, 'dns', 'checks', DOMAIN)
        day, now = 86400, int(time.time())
        self.good('domain', 'check', DOMAIN)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path) as f:
            text = f.read()
        past = re.sub(r'^run \d+ ', f'run {now - 9 * day} ', text, flags=re.M)

        def put(text):
            with open(path, 'w') as f:
                f.write(text)
        # one check changes: it says so, once
        put(past)
        self.names.records['1.2.0.192.list.example'] = {'A': ['127.0.0.4']}
        then = time.strftime('%Y-%m-%d', time.localtime(now - 9 * day))
        text = self.box.run('domain', 'check', DOMAIN).stdout
        self.assertEqual(re.findall(r'\((\S+) \S+\): .*\((since .*)\)', text),
                         [('DX-DN-24', f'since today, was pass until {then}')])
        again = self.json('domain', 'check', DOMAIN, code=FAILED)
        found = {c['name']: c for c in again['checks']}
        self.assertGreaterEqual(found['rbl.listed'].pop('since'), now)
        self.assertEqual({k: found['rbl.listed'][k] for k in ('before', 'until')},
                         {'before': 'pass', 'until': now - 9 * day})
        self.assertEqual({k: found['dns.mx'][k] for k in ('since', 'before', 'until', 'changed')},
                         {'since': now - 9 * day, 'before': None, 'until': None, 'changed': False})
        # all of it, and nobody is asked
        self.cloud.requests.clear()
        self.names.records = self.public.records = {}
        kept = self.json('domain', 'check', DOMAIN, '--history')
        self.assertEqual([(r['score'], r['counts']['red']) for r in kept['runs']],
                         [(100, 0), (95, 1)])
        self.assertEqual(kept['runs'][1]['checks'], {c['name']: c['verdict'] for c in found.values()})
        self.assertEqual((kept['checks'][0]['name'], kept['checks'][0]['colour']),
                         ('rbl.listed', 'red'))
        text = self.good('domain', 'check', DOMAIN, '--history')
        self.assertRegex(text, rf'{then} \d\d:\d\d  100 of 100  \d+ green')
        self.assertRegex(text, r'95 of 100  \d+ green.*, 1 red \(rbl.listed\)')
        self.assertRegex(text, rf'red     rbl.listed: fail since .*, was pass until {then} ')
        self.assertRegex(text, rf'green   dns.mx: pass since {then} \d\d:\d\d or longer')
        self.assertEqual(self.cloud.requests, [])
        # what is not understood is passed over and written anew; what cannot be written is told
        self.publish()
        for text, why in (('vectis-checks 2\n', 'another version'), (past[:-9], 'damaged'),
                          ('\n' * (1 << 21), 'too large'), (None, 'no file')):
            if text is None:
                os.unlink(path)
                os.mkfifo(path)
            else:
                put(text)
            done = self.box.run('domain', 'check', DOMAIN, '--history')
            self.assertEqual(done.returncode, GOOD)
            self.assertIn(why, done.stderr)
        done = self.box.run('--json', 'domain', 'check', DOMAIN)
        self.assertEqual((done.returncode, os.path.isfile(path)), (GOOD, True))
        self.assertIn('is not known', json.loads(done.stdout)['warnings'][0])
        os.rename(os.path.dirname(path), path := os.path.dirname(path) + '.old')
        with open(path[:-4], 'w'):
            pass
        done = self.box.run('--json', 'domain', 'check', DOMAIN)
        self.assertEqual((done.returncode, 'error' in json.loads(done.stdout)), (GOOD, False))
        self.assertIn('what was found is not kept', done.stderr)
        os.unlink(path[:-4])
        os.rename(path, path[:-4])
        # and with the domain it goes
        self.bad(FAILED, 'no other.test', 'domain', 'check', 'other.test', '--history')
        self.good('alias', 'remove', 'dmarc@' + DOMAIN)
        self.good('mailbox', 'remove', 'ann@' + DOMAIN, '--purge', '--confirm')
        self.good('domain', 'remove', DOMAIN, '--confirm')
        self.assertEqual(os.listdir(path[:-4]), [])

    def test_how_long_records_are_kept(self):
        """A minute until all is right, then an hour; what changes, a minute again."""
        def ttls():
            return {(r['name'], r['type']): r['ttl'] for r in self.zone.records}
        hello = self.zone.add('TXT', DOMAIN, 'hello')
        self.assertEqual(set(ttls().values()), {60, 1})
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        # a fault is no reason to keep it longer
        self.publish()
        self.names.records['1.2.0.192.list.example'] = {'A': ['127.0.0.4']}
        self.assertFalse(self.json('domain', 'check', DOMAIN, code=FAILED)['raise_ttl'])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        self.publish()
        self.assertIn(f'\nall passes: vectisctl dns apply {DOMAIN} raises the TTL of its records\n',
                      self.good('domain', 'check', DOMAIN))
        text = self.good('dns', 'plan', DOMAIN)
        self.assertIn(f'  - {DOMAIN}. 60 MX 10 {HOST}.\n  ~ {DOMAIN}. 3600 MX 10 {HOST}.  ; '
                      'everything passes', text)
        done = self.json('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual({c['ttl_only'] for c in done['changes'] if c['do'] == 'change'}, {True})
        self.assertEqual(done['done']['changed'], done['work'])
        # but SPF is with what is somebody else's
        self.assertEqual({k for k, v in ttls().items() if v != 3600}, {(DOMAIN, 'TXT')})
        self.zone.records.remove(hello)
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(set(ttls().values()), {3600})
        self.assertFalse(self.json('domain', 'check', DOMAIN)['raise_ttl'])
        self.assertEqual(self.json('dns', 'plan', DOMAIN)['work'], 0)
        # one is changed: it alone has to be looked at once more
        self.good('domain', 'set', DOMAIN, '--spf', 'soft')
        for _ in range(2):
            self.good('dns', 'apply', DOMAIN, '--yes')
            self.assertEqual({k for k, v in ttls().items() if v != 3600}, {(DOMAIN, 'TXT')})
        self.publish()
        self.assertTrue(self.json('domain', 'check', DOMAIN)['raise_ttl'])
        self.good('dns', 'apply', DOMAIN, '--yes')
        self.assertEqual(set(ttls().values()), {3600})

    def test_checklist(self):
        def settings(*args):
            self.publish()
            found = self.json('dns', 'checklist', DOMAIN)
            return {s['name']: s['state'] for s in found['settings']}
        self.zone.dnssec = 'active'
        self.assertEqual(settings(), {
            'provider': 'unknown', 'token': 'yes', 'proxied': 'yes', 'email_routing': 'yes',
            'dnssec': 'yes', 'cname_flattening': 'yes', 'universal_ssl': 'yes',
            'always_https': 'yes'})
        self.zone.dnssec, self.zone.flatten_all = 'disabled', True
        for r in self.zone.records:
            r['proxied'] = r['name'] == HOST and r['type'] in ('A', 'AAAA')
        self.zone.set_routing(True)
        self.assertEqual({k for k, v in settings().items() if v == 'no'}, {
            'proxied', 'email_routing', 'dnssec', 'cname_flattening', 'universal_ssl',
            'always_https'})
        text = self.good('dns', 'checklist', DOMAIN)
        self.assertIn(f'no   the mail host is DNS only (proxied): {HOST} leads to', text)
        self.assertIn(f'set:   set the A and AAAA records of {HOST} to "DNS only"\n'
                      '     where: DNS > Records > Proxy status\n', text)
        self.assertIn('?    Cloudflare serves the zone (provider): look at Overview; ', text)
        os.unlink(os.path.join(self.box.folder, 'secrets.yaml'))
        text = self.good('dns', 'checklist', DOMAIN)
        self.assertIn('look at My Profile > API Tokens\n', text)
        self.assertIn('\nWith cloudflare.api_token in secrets.yaml more would be known.', text)
        self.assertIn('no   the mail host is DNS only', text)

    def test_old_answers(self):
        def change():
            old = dict(self.names.records)
            old[DOMAIN] = dict(old[DOMAIN], MX=['10 old.' + DOMAIN])
            self.public.records = self.system.records = old
        found = self.look(change)
        self.assertEqual(found['dns.propagation']['verdict'], 'info')
        self.assertRegex(found['dns.propagation']['seen'],
                         r'127.0.0.1 has an old answer for vectis.test MX \(TTL 1\)')
        self.assertEqual(found['dns.split']['verdict'], 'pass')

    def test_a_world_of_its_own(self):
        def change():
            self.system.records = dict(self.names.records, **{HOST: {'A': ['127.0.1.1']}})
        found = self.look(change)
        self.assertEqual((found['dns.split']['verdict'], found['dns.propagation']['verdict']),
                         ('warn', 'pass'))
        self.assertIn(f'127.0.0.1 answers {HOST} A otherwise', found['dns.split']['seen'])

    def test_web_servers(self):
        name = 'autoconfig.' + DOMAIN
        port = free_ports(1)[0]
        with open(self.box.config) as f:
            text = f.read()
        self.box.write(text.replace('https_port: 0', f'https_port: {port}'))
        pages = Pages(port, self.ca.issue('web', hosts=(HOST, name)))
        self.addCleanup(pages.stop)

        def change():  # nobody waits for 192.0.2.1
            self.names.records[name] = self.names.records[HOST] = {'A': ['127.0.0.1']}
        found = self.look(change, FAILED)
        self.assertEqual({n: found[n]['verdict'] for n in ('autoconfig.http', 'tls.drift')},
                         {'autoconfig.http': 'warn', 'tls.drift': 'warn'})
        self.assertIn('answers 404', found['autoconfig.http']['seen'])
        pages.body = f'<clientConfig><hostname>{HOST}</hostname></clientConfig>'
        self.assertEqual(self.look(change, FAILED)['autoconfig.http']['verdict'], 'pass')
        chain, key = self.ca.issue('web', hosts=(HOST,))
        self.good('cert', 'import', chain, key)
        pages.tls.load_cert_chain(chain, key)
        found = self.look(change, FAILED)
        self.assertEqual(found['tls.drift']['verdict'], 'pass')
        self.assertIn(f'autoconfig.{DOMAIN}:', found['autoconfig.http']['seen'])
        self.assertEqual(found['http.cached']['verdict'], 'pass')
        pages.fields = [('Age', '17'), ('CF-Cache-Status', 'HIT')]
        found = self.look(change, FAILED)['http.cached']
        self.assertEqual((found['verdict'], found['seen']), (
            'warn', 'the answer has the field Age: 17; and CF-Cache-Status: HIT'))

    def test_nobody_answers(self):
        """Name servers, resolvers, web and mail servers that take what is said and are silent,
        and a Cloudflare that takes for ever: alarms() looks at the clock."""
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(silent.close)
        silent.bind(('127.0.0.1', 0))
        with open(self.box.config) as f:
            text = f.read()
        for names in (self.names, self.public, self.system):
            text = text.replace(f'@{names.port}', f'@{silent.getsockname()[1]}')
        web = self.listen()
        self.box.write(text.replace('https_port: 0', f'https_port: {web.getsockname()[1]}'))
        self.good('config', 'apply', '--no-restart')
        self.silent, self.cloud.delay = True, 30
        alarms = self.alarms(FAILED)
        self.assertEqual({n: c['verdict'] for n, c in alarms.items()},
                         {'dns.dnssec': 'fail', 'cf.token': 'warn'})


class Preflight(unittest.TestCase):
    """Whether a host is fit, before there is a server."""

    def setUp(self):
        self.names = Names({HOST: {'A': ['192.0.2.1']}, FAR: {'A': ['127.0.0.1']}})
        self.addCleanup(self.names.stop)
        self.box = Box()
        self.addCleanup(self.box.remove)
        self.far = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.far.close)
        settings = self.names.settings('test', 'google.com').replace(
            'dns:\n', 'dns:\n  addresses: ["192.0.2.1"]\n')
        self.text = self.box.text(HOST) + settings + (
            f'sending:\n  port: {self.far.getsockname()[1]}\n')
        self.box.write(self.text)

    def look(self, code, *args):
        done = self.box.run('--json', 'preflight', *args)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return {c['name']: c for c in json.loads(done.stdout)['checks']}

    def test_a_host(self):
        found = self.look(GOOD)
        self.assertEqual({n: found[n]['verdict'] for n in (
            'pre.address', 'dns.host', 'pre.ports', 'net.out25')}, {
                'pre.address': 'info', 'dns.host': 'pass', 'pre.ports': 'pass',
                'net.out25': 'pass'})
        self.assertEqual(len(found), 8)
        self.assertIn('GB free for', found['pre.disk']['seen'])
        self.names.records[HOST] = {'A': ['198.51.100.7']}
        self.far.close()
        found = self.look(GOOD)
        self.assertEqual((found['dns.host']['verdict'], found['net.out25']['verdict']),
                         ('warn', 'warn'))
        self.assertIn(f'{HOST} A 192.0.2.1', found['dns.host']['fix'])

    def test_a_port_is_held(self):
        port = int(self.text.split('listen: ["127.0.0.1:')[1].split('"')[0])
        with socket.create_server(('127.0.0.1', port)):
            found = self.look(FAILED)['pre.ports']
        self.assertEqual(found['verdict'], 'fail')
        self.assertRegex(found['seen'], rf'{port} is held by \S.* \({os.getpid()}\)')
        self.assertEqual(self.look(GOOD)['pre.ports']['verdict'], 'pass')

    def test_no_configuration(self):
        """All that asks nobody; a name that is none is told before."""
        os.unlink(self.box.config)
        done = self.box.run('preflight', '--hostname', 'not a name')
        self.assertEqual((done.returncode, done.stdout), (USAGE, ''))
        self.assertIn('no host name', done.stderr)
        self.assertFalse(os.path.exists(self.box.config))

    def test_setup_looks_too(self):
        """The first time; it is no reason not to go on."""
        port = int(self.text.split('listen: ["127.0.0.1:')[1].split('"')[0])
        with socket.create_server(('127.0.0.1', port)):
            done = self.box.run('setup', '--unattended')
            self.assertEqual(done.returncode, GOOD, done.stderr)
            self.assertRegex(done.stdout, f'look at this: ports are free: {port} is held by .*: '
                             'stop ')
            again = json.loads(self.box.run('--json', 'setup', '--unattended').stdout)
            self.assertNotIn('preflight', again)


if __name__ == '__main__':
    harness.main(__name__)
