"""A signed zone of Knot's that is changed while it is served, as Cloudflare's name servers
follow its API: the mock of cloudflare.py pushes into it by updates with a key (RFC 2136,
RFC 8945).

    with KnotZone('vectis.test') as names:
        names.follow(cloud.zone('vectis.test'))
"""
import base64
import hashlib
import hmac
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from instance import free_ports
from peers import wire_data, wire_name
from signed_names import program

SOA, ANY, TSIG, IN = 6, 255, 250, 1
TYPES = {'A': 1, 'CNAME': 5, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'TLSA': 52,
         'CAA': 257}
KEY = 'mock'


def rdata(kind, text):
    if kind == 'SRV':
        *numbers, target = text.split()
        return struct.pack('>HHH', *map(int, numbers)) + wire_name(target)
    if kind == 'TLSA':
        *numbers, digest = text.split()
        return bytes(map(int, numbers)) + bytes.fromhex(digest)
    if kind == 'CAA':
        flags, tag, value = re.fullmatch(r'(\d+) (\w+) "(.*)"', text).groups()
        return bytes([int(flags), len(tag)]) + tag.encode() + value.encode()
    return wire_data(kind, text)


class KnotZone:
    def __init__(self, zone):
        self.knotd, self.keymgr = program('knot', 'knotd'), program('knot', 'keymgr')
        self.folder = tempfile.mkdtemp(prefix='vectis-knot-')
        self.zone, self.port = zone, free_ports(1)[0]
        self.secret = secrets.token_bytes(32)
        self.there = set()  # names that were pushed
        self.process = None
        self.write('knot.conf', f'''server:
  rundir: {self.folder}
  listen: 127.0.0.1@{self.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: {self.folder}
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {base64.b64encode(self.secret).decode()}
acl:
  - id: push
    key: {KEY}
    action: update
policy:
  - id: all
    algorithm: ecdsap256sha256
zone:
  - domain: {zone}
    storage: {self.folder}
    file: zone
    acl: push
    dnssec-signing: on
    dnssec-policy: all
''')
        self.write('zone', f'''$ORIGIN {zone}.
$TTL 1
@ SOA ns.{zone}. mail.{zone}. 1 3600 600 86400 1
@ NS ns.{zone}.
ns A 127.0.0.1
''')

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)

    # --- life ---------------------------------------------------------------------

    def __enter__(self):
        with open(self.path('log'), 'ab') as log:
            self.process = subprocess.Popen([self.knotd, '-c', self.path('knot.conf')],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end, ds = time.monotonic() + 20, ''
        while ' 13 2 ' not in ds:
            if self.process.poll() is not None or time.monotonic() > end:
                with open(self.path('log')) as f:
                    raise RuntimeError('knotd does not sign:\n' + f.read())
            time.sleep(0.05)
            done = subprocess.run([self.keymgr, '-c', self.path('knot.conf'), self.zone, 'ds'],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  universal_newlines=True, check=False)
            ds = done.stdout
        self.ds = next(x for x in ds.splitlines() if ' 13 2 ' in x).replace(' DS ', ' IN DS ')
        self.write('anchor', self.ds + '\n')
        while not self.answers():
            if time.monotonic() > end:
                raise RuntimeError('knotd does not answer')
            time.sleep(0.02)
        return self

    def answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 5).close()
            return True
        except OSError:
            return False

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- changes ------------------------------------------------------------------

    def follow(self, zone):
        """A zone of the mock: now, and whenever it changes."""
        zone.changed = lambda z: self.push(z.answers())
        self.push(zone.answers())

    def push(self, answers):
        """{name: {type: [text]}} is all that there is."""
        changes = [self.record(name, ANY, ANY, 0, b'') for name in self.there | set(answers)]
        for name, kinds in answers.items():
            for kind, texts in kinds.items():
                changes += [self.record(name, TYPES[kind], IN, 1, rdata(kind, t))
                            for t in texts]
        self.there = set(answers)
        rcode = self.update(changes)
        assert rcode == 0, f'knotd refuses the update: {rcode}'

    @staticmethod
    def record(name, kind, kin, ttl, data):
        return wire_name(name) + struct.pack('>HHIH', kind, kin, ttl, len(data)) + data

    def update(self, changes):
        number = secrets.token_bytes(2)
        body = wire_name(self.zone) + struct.pack('>HH', SOA, IN) + b''.join(changes)
        head = struct.pack('>HHHH', 1, 0, len(changes), 0)
        message = number + b'\x28\x00' + head + body
        now = int(time.time())
        algorithm = wire_name('hmac-sha256')
        times = struct.pack('>HIH', now >> 32, now & 0xffffffff, 300)
        signed = (message + wire_name(KEY) + struct.pack('>HI', ANY, 0) + algorithm + times +
                  struct.pack('>HH', 0, 0))
        mac = hmac.digest(self.secret, signed, hashlib.sha256)
        tsig = (algorithm + times + struct.pack('>H', len(mac)) + mac + number +
                struct.pack('>HH', 0, 0))
        message = (number + b'\x28\x00' + struct.pack('>HHHH', 1, 0, len(changes), 1) + body +
                   self.record(KEY, TSIG, ANY, 0, tsig))
        with socket.create_connection(('127.0.0.1', self.port), 20) as s:
            s.settimeout(20)
            s.sendall(struct.pack('>H', len(message)) + message)
            answer = s.recv(65535)
        assert answer[2:4] == number, answer
        return answer[5] & 15


