"""Cloudflare on loopback: its API for DNS records as far as public documents and logs show
it, and what its name servers make of the records.

An answer has the envelope, errors their codes and chains; tokens have permissions for
zones; records are checked, TXT is split only when it comes in quotes, batches are all or
nothing, records of Email Routing are locked.  faults takes what is to go wrong next.
"""
import json
import re
import secrets
import socket
import threading
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote, urlsplit

from peers import WebServer, http

EDIT = frozenset({'zone:read', 'dns:read', 'dns:edit', 'email:read'})
ROUTE = EDIT | {'email:edit', 'settings:edit', 'addresses:edit'}
EDGE4, EDGE6 = '104.16.7.7', '2606:4700::6810:707'
ADDRESSES = ('A', 'AAAA', 'CNAME')
DATA = {'SRV': ('priority', 'weight', 'port', 'target'), 'CAA': ('flags', 'tag', 'value'),
        'TLSA': ('usage', 'selector', 'matching_type', 'certificate')}
TYPES = set(ADDRESSES) | set(DATA) | {'MX', 'TXT', 'NS', 'HTTPS', 'SPF', 'PTR'}


class Refused(Exception):
    def __init__(self, status, code, message, chain=()):
        super().__init__(message)
        self.status = status
        self.error = {'code': code, 'message': message}
        if chain:
            self.error['error_chain'] = [{'code': c, 'message': m} for c, m in chain]


def new_id():
    return secrets.token_hex(16)


def strings(text):
    """The strings of TXT content: those in quotes, or the text itself."""
    if not text.startswith('"'):
        return [text]
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    return [re.sub(r'\\(\d{3}|.)',
                   lambda m: chr(int(m[1])) if m[1].isdigit() else m[1], s) for s in found]


class Zone:
    def __init__(self, name, account):
        self.id, self.name, self.account = new_id(), name, account
        self.records = []
        self.status, self.paused, self.dnssec = 'active', False, 'disabled'
        self.routing, self.flatten_all = False, False
        self.hidden = []  # challenges of Cloudflare's own certificates
        self.locked, self.refuses_mx = False, False  # refuses_mx: while it is locked
        self.rule = {'enabled': False, 'name': '', 'matchers': [{'type': 'all'}],
                     'actions': [{'type': 'drop'}]}
        self.ds = ''
        self.changed = lambda zone: None  # is told of each change

    def add(self, kind, name, content, **more):
        """For tests: as somebody else has set it."""
        body = {'type': kind, 'name': name, 'content': content, **more}
        if kind in DATA:
            words = content.split(' ', len(DATA[kind]) - 1)
            body['data'] = {k: int(w) if w.isdigit() and k != 'certificate' else w.strip('"')
                            for k, w in zip(DATA[kind], words)}
        locked = body.pop('locked', False)
        record = self.make(body)
        if locked:
            record['meta'] = {'email_routing': True, 'read_only': True}
        self.records.append(record)
        self.changed(self)
        return record

    def say(self, kind, name):
        """The contents at a name, sorted."""
        return sorted(f'{r.get("priority", "")} {r["content"]}'.strip() if kind == 'MX'
                      else r['content'] for r in self.records
                      if r['type'] == kind and r['name'] == name)

    # --- what is checked ------------------------------------------------------------

    def full(self, name):
        name = name.rstrip('.').lower()
        if name == '@':
            return self.name
        if name != self.name and not name.endswith('.' + self.name):
            name += '.' + self.name
        if '..' in name or len(name) > 253:
            raise Refused(400, 9000, 'DNS name is invalid.')
        return name

    def make(self, body, old=None):
        """A record from a request's body (and, for PATCH, the one that it changes)."""
        if not isinstance(body, dict) or not (body.get('type') or old) or \
                not (body.get('name') or old):
            raise Refused(400, 9000, 'DNS name is invalid.')
        kind = body.get('type') or old['type']
        if kind not in TYPES or (old and old['type'] != kind):
            raise Refused(400, 1004, 'DNS Validation Error',
                          [(9005, f'Content for {kind} record is invalid.')])
        r = {'id': old['id'] if old else new_id(), 'type': kind,
             'name': self.full(body.get('name') or old['name']),
             'proxied': bool(body.get('proxied', (old or {}).get('proxied', False))),
             'proxiable': kind in ADDRESSES,
             'ttl': body.get('ttl', (old or {}).get('ttl', 1)),
             'comment': body.get('comment', (old or {}).get('comment')) or None,
             'tags': [], 'settings': {}, 'meta': dict((old or {}).get('meta', {})),
             'created_on': '2026-11-28T00:00:00Z',
             'modified_on': '2026-11-28T00:00:00Z'}
        if r['proxied'] and not r['proxiable']:
            raise Refused(400, 9004, 'This record type cannot be proxied.')
        if r['ttl'] != 1 and not 60 <= r['ttl'] <= 86400:
            raise Refused(400, 1004, 'DNS Validation Error',
                          [(9021, 'Invalid TTL. Must be between 60 and 86400 seconds, or 1 '
                                  'for Automatic.')])
        self.set_content(r, body, old)
        return r

    def set_content(self, r, body, old):
        kind, content = r['type'], body.get('content', (old or {}).get('content'))
        if kind in DATA:
            data = body.get('data') or (old or {}).get('data')
            if not isinstance(data, dict) or set(DATA[kind]) - set(data):
                raise Refused(400, 1004, 'DNS Validation Error',
                              [(9101, f'{kind} needs data.')])
            r['data'] = data
            words = [str(data[k]) for k in DATA[kind]]
            if kind == 'SRV':
                r['priority'] = data['priority']
                words = words[1:]
            elif kind == 'CAA':
                words[2] = f'"{words[2]}"'
            r['content'] = ' '.join(words)
            return
        if not isinstance(content, str) or not content:
            raise Refused(400, 1004, 'DNS Validation Error',
                          [(9005, f'Content for {kind} record is invalid.')])
        if kind in ('A', 'AAAA'):
            family = socket.AF_INET if kind == 'A' else socket.AF_INET6
            try:
                content = socket.inet_ntop(family, socket.inet_pton(family, content))
            except OSError:
                raise Refused(400, 9005, f'Content for {kind} record must be a valid '
                                         'address.') from None
        if kind == 'MX':
            r['priority'] = body.get('priority', (old or {}).get('priority'))
            if not isinstance(r['priority'], int):
                raise Refused(400, 9103, 'Priority is required.')
        if kind in ('CNAME', 'MX', 'NS'):
            content = content.rstrip('.').lower()
        if kind == 'TXT':
            content = self.text(content)
        r['content'] = content

    @staticmethod
    def text(content):
        """What is quoted is split at 255; what is not is kept as it was sent."""
        if not content.startswith('"'):
            if len(content) > 2048:
                raise Refused(400, 9015, 'Content is too long.')
            return content
        whole = ''.join(strings(content))
        if len(whole) > 4096:
            raise Refused(400, 9015, 'Content is too long.')
        pieces = [whole[i:i + 255] for i in range(0, len(whole), 255)] or ['']
        return ' '.join('"%s"' % p.replace('\\', '\\\\').replace('"', '\\"') for p in pieces)

    def check_new(self, r, others):
        if self.locked and self.refuses_mx and r['type'] == 'MX' and r['name'] == self.name:
            raise Refused(400, 1046, 'MX records are managed by Email Routing.')
        same = [o for o in others if o['name'] == r['name'] and o['id'] != r['id']]
        if any(o['type'] == r['type'] and o['content'] == r['content'] and
               o.get('priority') == r.get('priority') for o in same):
            raise Refused(400, 81058, 'An identical record already exists.')
        if r['type'] == 'CNAME' and any(o['type'] in ADDRESSES for o in same):
            raise Refused(400, 81053, 'An A, AAAA, or CNAME record with that host already '
                                      'exists.')
        if r['type'] in ('A', 'AAAA') and any(o['type'] == 'CNAME' for o in same):
            raise Refused(400, 81054, 'A CNAME record with that host already exists.')
        if sum(len(o['content']) for o in same + [r] if o['type'] == 'TXT') > 8192:
            raise Refused(400, 83011, 'The combined length of TXT records is too large.')
        # a name is proxied as a whole
        if r['type'] in ('A', 'AAAA') and r['proxied']:
            for o in same:
                if o['type'] in ('A', 'AAAA'):
                    o['proxied'] = True

    @staticmethod
    def check_lock(r):
        if r['meta'].get('read_only'):
            raise Refused(400, 1046, 'This record is managed by Email Routing. Disable or '
                                     'unlock Email Routing to change it.')

    # --- changing -------------------------------------------------------------------

    def find(self, records, record_id):
        for r in records:
            if r['id'] == record_id:
                return r
        raise Refused(404, 81044, 'Record does not exist.')

    def post(self, records, body):
        r = self.make(body)
        self.check_new(r, records)
        records.append(r)
        return r

    def patch(self, records, record_id, body):
        old = self.find(records, record_id)
        self.check_lock(old)
        r = self.make(body, old)
        self.check_new(r, records)
        records[records.index(old)] = r
        return r

    def put(self, records, record_id, body):
        old = self.find(records, record_id)
        self.check_lock(old)
        r = {**self.make(body), 'id': record_id}
        self.check_new(r, records)
        records[records.index(old)] = r
        return r

    def delete(self, records, record_id):
        r = self.find(records, record_id)
        self.check_lock(r)
        records.remove(r)
        return {'id': record_id}

    def batch(self, body):
        count = sum(len(v) for v in body.values())
        if count > 200:
            raise Refused(400, 9207, 'Too many operations.')
        records = [dict(r) for r in self.records]  # all or nothing
        done = {
            'deletes': [self.delete(records, b['id']) for b in body.get('deletes', [])],
            'patches': [self.patch(records, b['id'], b) for b in body.get('patches', [])],
            'puts': [self.put(records, b['id'], b) for b in body.get('puts', [])],
            'posts': [self.post(records, b) for b in body.get('posts', [])]}
        self.records = records
        return done

    def export(self):
        lines = [f';; Domain: {self.name}.']
        for r in self.records:
            priority = f'{r["priority"]} ' if r['type'] in ('MX', 'SRV') else ''
            dot = '.' if r['type'] in ('CNAME', 'MX', 'NS', 'SRV') else ''
            lines.append(f'{r["name"]}.\t{r["ttl"]}\tIN\t{r["type"]}\t{priority}'
                         f'{r["content"]}{dot}')
        return '\n'.join(lines) + '\n'

    def set_routing(self, on):
        """Email Routing, as its own page switches it: with records that it locks."""
        self.routing = self.locked = on
        self.records = [r for r in self.records if not r['meta'].get('email_routing')]
        for n, priority in enumerate((13, 86, 24), 1) if on else ():
            self.add('MX', self.name, f'route{n}.mx.cloudflare.net', priority=priority,
                     locked=True)
        self.changed(self)

    def enable_routing(self):
        """The same by the API: with what else it wants to have."""
        if self.routing:
            raise Refused(400, 2007, 'Email Routing is already enabled.')
        self.set_routing(True)
        self.refuses_mx = True
        if not any('_spf.mx.cloudflare.net' in t for t in self.say('TXT', self.name)):
            self.add('TXT', self.name, 'v=spf1 include:_spf.mx.cloudflare.net ~all',
                     locked=True)
        self.add('TXT', 'cf2024-1._domainkey.' + self.name, 'v=DKIM1; k=rsa; p=AAAA',
                 locked=True)

    def unlock_routing(self):
        self.locked = False
        for r in self.records:
            if r['meta'].get('email_routing'):
                r['meta']['read_only'] = False

    def routing_status(self):
        strange = any(r['type'] == 'MX' and r['name'] == self.name and
                      not r['content'].endswith('.mx.cloudflare.net') for r in self.records)
        if not self.routing:
            return 'unconfigured'
        if self.locked:
            return 'misconfigured/locked' if strange else 'ready'
        return 'misconfigured' if strange else 'unlocked'

    # --- what is answered by its name servers ----------------------------------------

    def proxied(self, name):
        return any(r['name'] == name and r['proxied'] for r in self.records)

    def answers(self):
        """{name: {type: [text]}}: with proxies, and what they make of MX and CAA."""
        found = {}

        def add(name, kind, text):
            found.setdefault(name, {}).setdefault(kind, []).append(text)

        for r in self.records:
            kind, name, content = r['type'], r['name'], r['content']
            if r['proxied']:
                if EDGE4 not in found.get(name, {}).get('A', ()):
                    add(name, 'A', EDGE4)
                    add(name, 'AAAA', EDGE6)
            elif kind in ('MX', 'SRV') and self.proxied(content.split()[-1]):
                *numbers, target = content.split()
                host = f'_dc-mx.{self.id[:12]}.{self.name}'
                add(name, kind, ' '.join([str(r['priority']), *numbers, host]))
                for o in self.records:
                    if o['name'] == target and o['type'] in ('A', 'AAAA') and \
                            o['content'] not in found.get(host, {}).get(o['type'], ()):
                        add(host, o['type'], o['content'])
            elif kind == 'MX':
                add(name, kind, f'{r["priority"]} {content}')
            elif kind == 'SRV':
                add(name, kind, f'{r["priority"]} {content}')
            elif kind == 'TXT':
                add(name, kind, ''.join(strings(content)))
            else:
                add(name, kind, content)
            if kind == 'CAA' and '0 issue "pki.goog"' not in found[name]['CAA']:
                add(name, 'CAA', '0 issue "pki.goog"')
        for text in self.hidden:
            add('_acme-challenge.' + self.name, 'TXT', text)
        return found


class Cloudflare:
    """faults: what becomes of the next requests, one each: None, ('429', seconds), 'html',
    'cut', 'reset', 'twice', or a Refused."""

    def __init__(self, pair, port=0):
        self.account = new_id()
        self.tokens, self.zones = {}, {}
        self.addresses = {}  # where Email Routing may lead mail: {address: agreed?}
        self.faults, self.requests, self.delay = [], [], 0
        self.lock = threading.Lock()
        self.web = WebServer(pair, port=port, answers=self)
        self.base = f'https://127.0.0.1:{self.web.port}/client/v4'
        self.clock = 0  # seconds that its clock is fast

    def stop(self):
        self.web.stop()

    def zone(self, name):
        self.zones[name] = Zone(name, self.account)
        return self.zones[name]

    def token(self, zones=None, may=EDIT, status='active', kind='user'):
        """zones: names; None: all of the account's."""
        prefix = 'cfat_' if kind == 'account' else 'cfut_'
        token = prefix + secrets.token_urlsafe(30)[:40]
        self.tokens[token] = {'zones': zones, 'may': may, 'status': status, 'kind': kind}
        return token

    # --- HTTP -----------------------------------------------------------------------

    def get(self, path, _):
        return lambda request: self.answer(request)

    def answer(self, request):
        method, path, fields, body, _ = request
        time.sleep(self.delay)
        with self.lock:
            self.requests.append((method, path, body.decode()))
            fault = self.faults.pop(0) if self.faults else None
            if fault == 'reset':
                return None
            if fault == 'html':
                return http(b'<html><h1>502 Bad Gateway</h1></html>', '502 Bad Gateway',
                            'text/html')
            if isinstance(fault, tuple):
                return self.envelope({'success': False, 'errors': [
                    {'code': 10100, 'message': 'Please wait and consider throttling your '
                                               'request speed'}], 'result': None},
                    '429 Too Many Requests', [f'retry-after: {fault[1]}'])
            try:
                if isinstance(fault, Refused):
                    raise fault
                result = self.dispatch(method, path, fields, body)
            except Refused as no:
                return self.envelope({'success': False, 'errors': [no.error],
                                      'messages': [], 'result': None},
                                     f'{no.status} Refused')
        if isinstance(result, str):
            return http(result.encode(), kind='text/plain')
        page = result.pop('result_info', None) if isinstance(result, dict) else None
        value = {'result': result.pop('list') if page else result, 'success': True,
                 'errors': [], 'messages': [], 'surprise': {'new': [1]}}
        if page:
            value['result_info'] = page
        answer = self.envelope(value)
        if fault == 'cut':
            text = answer.split(b'\r\n\r\n', 1)[1]
            return http(text[:len(text) // 2], kind='application/json')
        if fault == 'twice':
            text = answer.split(b'\r\n\r\n', 1)[1]
            return http(b'{"success":true,' + text[1:], kind='application/json')
        return answer

    def envelope(self, value, status='200 OK', fields=()):
        date = 'Date: ' + formatdate(time.time() + self.clock, usegmt=True)
        return http(json.dumps(value).encode(), status, 'application/json', [*fields, date])

    # --- who asks -------------------------------------------------------------------

    def who(self, fields):
        given = fields.get('authorization')
        if given is None and 'x-auth-key' not in fields:
            raise Refused(400, 9106, 'Missing X-Auth-Key, X-Auth-Email or Authorization '
                                     'headers')
        if given is None or not re.fullmatch(r'Bearer [A-Za-z0-9_-]{40,}', given):
            raise Refused(400, 6003, 'Invalid request headers',
                          [(6111, 'Invalid format for Authorization header')])
        token = self.tokens.get(given[7:])
        return token

    def check(self, token, may, zone=None):
        if token is None or token['status'] != 'active':
            raise Refused(403, 9109, 'Invalid access token')
        if may not in token['may'] or (
                zone and token['zones'] is not None and zone.name not in token['zones']):
            raise Refused(403, 10000, 'Authentication error')

    # --- what is asked --------------------------------------------------------------

    def dispatch(self, method, path, fields, body):
        parts = urlsplit(path)
        where = [unquote(p) for p in parts.path.split('/') if p][2:]
        query = dict(parse_qsl(parts.query))
        token = self.who(fields)
        if where[-2:] == ['tokens', 'verify']:
            return self.verify(token, where)
        if where == ['ips']:
            return {'ipv4_cidrs': ['104.16.0.0/13'], 'ipv6_cidrs': ['2606:4700::/32'],
                    'etag': 'x'}
        if where == ['zones']:
            self.check(token, 'zone:read')
            return self.list_zones(token, query)
        try:
            value = json.loads(body) if body else None
        except ValueError:
            raise Refused(400, 9207, 'Request body is invalid.') from None
        if where == ['accounts', self.account, 'email', 'routing', 'addresses']:
            self.check(token, 'addresses:edit')
            return self.of_addresses(method, query, value)
        zone = next((z for z in self.zones.values() if where[:2] == ['zones', z.id]), None)
        if zone is None:
            raise Refused(404, 7003, f'Could not route to {parts.path}, perhaps your object '
                                     'identifier is invalid?')
        done = self.of_zone(token, zone, method, where[2:], query, value)
        if method != 'GET':
            zone.changed(zone)
        return done

    def of_addresses(self, method, query, value):
        if method == 'POST':
            if value['email'] in self.addresses:
                raise Refused(409, 2032, 'Destination address already exists.')
            self.addresses[value['email']] = False
        items = [{'id': new_id(), 'email': a,
                  'verified': '2026-11-28T00:00:00Z' if agreed else None}
                 for a, agreed in self.addresses.items()]
        return items[-1] if method == 'POST' else self.page(items, query)

    def of_routing(self, token, zone, method, where, value):
        if where == []:
            self.check(token, 'email:read', zone)
            return {'enabled': zone.routing, 'name': zone.name,
                    'status': zone.routing_status()}
        if where == ['rules', 'catch_all']:
            self.check(token, 'email:read' if method == 'GET' else 'email:edit', zone)
            if method == 'PUT':
                for action in value['actions']:
                    if any(not self.addresses.get(a) for a in action.get('value', ())):
                        raise Refused(400, 2031, 'Destination address is not verified.')
                zone.rule = value
            return zone.rule
        if where == ['dns'] and method in ('POST', 'PATCH', 'DELETE'):
            self.check(token, 'settings:edit', zone)
            if method == 'POST':
                zone.enable_routing()
            elif method == 'PATCH':
                zone.unlock_routing()
            else:
                zone.set_routing(False)
            return {'enabled': zone.routing, 'status': zone.routing_status()}
        raise Refused(404, 7000, 'No route for that URI')

    def verify(self, token, where):
        kind = 'account' if where[0] == 'accounts' else 'user'
        if token is None or token['kind'] != kind:
            raise Refused(401, 1000, 'Invalid API Token')
        return {'id': new_id(), 'status': token['status'],
                'expires_on': '2027-01-01T00:00:00Z'}

    @staticmethod
    def page(items, query):
        per, number = int(query.get('per_page', 100)), int(query.get('page', 1))
        part = items[(number - 1) * per:number * per]
        return {'list': part, 'result_info': {
            'page': number, 'per_page': per, 'count': len(part), 'total_count': len(items),
            'total_pages': max(1, -(-len(items) // per))}}

    def list_zones(self, token, query):
        return self.page([
            {'id': z.id, 'name': z.name, 'status': z.status, 'type': 'full',
             'paused': z.paused, 'account': {'id': z.account, 'name': 'x'},
             'name_servers': ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com'],
             'plan': {'legacy_id': 'free'}}
            for z in self.zones.values()
            if (token['zones'] is None or z.name in token['zones'])
            and query.get('name', z.name).lower() == z.name], query)

    def of_zone(self, token, zone, method, where, query, value):
        if where[0] == 'dns_records':
            self.check(token, 'dns:read' if method == 'GET' else 'dns:edit', zone)
            return self.of_records(zone, method, where[1:], query, value)
        if where[:2] == ['email', 'routing']:
            return self.of_routing(token, zone, method, where[2:], value)
        self.check(token, 'dns:read', zone)
        if where == ['dnssec']:
            return {'status': zone.dnssec, 'ds': zone.ds}
        if where == ['dns_settings']:
            return {'flatten_all_cnames': zone.flatten_all, 'zone_mode': 'standard'}
        raise Refused(404, 7000, 'No route for that URI')

    def of_records(self, zone, method, where, query, value):
        if where == ['export']:
            return zone.export()
        if where == ['batch'] and method == 'POST':
            return zone.batch(value)
        if method == 'POST' and not where:
            return zone.post(zone.records, value)
        if method == 'GET' and not where:
            return self.page(self.filter(zone, query), query)
        if method == 'GET':
            return zone.find(zone.records, where[0])
        if method == 'DELETE':
            return zone.delete(zone.records, where[0])
        if method in ('PATCH', 'PUT'):
            change = zone.patch if method == 'PATCH' else zone.put
            return change(zone.records, where[0], value)
        raise Refused(405, 7001, f'Method {method} not available for that URI.')

    @staticmethod
    def filter(zone, query):
        tests = {'exact': lambda a, b: a == b, 'contains': lambda a, b: b in a,
                 'startswith': lambda a, b: a.startswith(b),
                 'endswith': lambda a, b: a.endswith(b)}
        found = zone.records
        for key, want in query.items():
            field, _, how = key.partition('.')
            if field in ('type', 'name', 'content', 'comment'):
                test = tests[how or 'exact']
                # what was stored within quotes is found without them, too
                found = [r for r in found if any(
                    test(v.lower(), want.lower())
                    for v in {r[field] or '', ''.join(strings(r[field] or ''))})]
        return found
