"""Signed zones on loopback, by Knot: good ones, broken ones, and unsigned ones below them.

    with SignedNames('sec.test') as names:
        names.zone('good.sec.test', {'@': {'MX': ['10 mx.good.sec.test.']}, ...})
        names.zone('old.sec.test', {...}, state='expired')
        names.start()
        Instance(settings=names.settings())

The top zone is what the resolver is told to trust.  In data, names that end with a dot
are whole; TXT is given as the octets that it has.  names.change(zone, records) signs and
serves it anew.
"""
import base64
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from instance import build_dir, free_ports, run

STATES = ('good', 'unsigned', 'broken', 'bogus', 'expired')


def program(package, name):
    """One of Knot's: unpacked by ./dev check, or installed."""
    folders = [os.path.join(build_dir(), 'peers', package, 'usr', d) for d in ('sbin', 'bin')]
    found = shutil.which(name, path=os.pathsep.join(folders + ['/usr/sbin', '/usr/bin']))
    if found is None:
        raise unittest.SkipTest(f'{name} of the package {package} is not there: ./dev check '
                                'unpacks it, when apt-get can have it')
    return found


def quoted(octets):
    if isinstance(octets, str):
        octets = octets.encode()
    pieces = [octets[i:i + 255] for i in range(0, len(octets), 255)] or [b'']
    return ' '.join('"' + ''.join(chr(x) if 32 <= x < 127 and x not in b'"\\;' else
                                  f'\\{x:03d}' for x in piece) + '"' for piece in pieces)


class SignedNames:
    def __init__(self, top='sec.test', records=None):
        self.knotd = program('knot', 'knotd')
        self.keymgr = program('knot', 'keymgr')
        self.sign = program('knot-dnssecutils', 'kzonesign')
        self.folder = tempfile.mkdtemp(prefix='vectis-knot-')
        for name in ('keys', 'plain', 'served'):
            os.mkdir(os.path.join(self.folder, name))
        self.top, self.port = top, free_ports(1)[0]
        self.zones, self.process, self.serial = {}, None, 1
        self.zone(top, records or {})

    def zone(self, name, records, state='good'):
        """state: good, unsigned (and its parent says so), bogus (the parent knows another
        key), expired, broken (signatures of what is asked for are not right; broken:TLSA,
        of these records only)."""
        assert state.split(':')[0] in STATES
        self.zones[name] = (records, state)

    # --- files --------------------------------------------------------------------

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, text, *parts):
        with open(self.path(*parts), 'w') as f:
            f.write(text)

    def children(self, zone):
        return [z for z in self.zones if z.endswith('.' + zone) and zone == self.top]

    def plain(self, zone):
        """A zone file without signatures."""
        lines = [f'$ORIGIN {zone}.', '$TTL 2', f'@ SOA ns.{zone}. mail.{zone}. {self.serial} '
                 '3600 600 86400 2', f'@ NS ns.{zone}.', 'ns A 127.0.0.1']
        for name, kinds in self.zones[zone][0].items():
            for kind, values in kinds.items():
                lines += [f'{name} {kind} {quoted(v) if kind == "TXT" else v}' for v in values]
        for child in self.children(zone):
            lines += [f'{child}. NS ns.{child}.', f'ns.{child}. A 127.0.0.1']
            lines += self.delegation(child)
        return '\n'.join(lines) + '\n'

    def delegation(self, child):
        state = self.zones[child][1]
        if state == 'unsigned':
            return []
        ds = [x for x in run(self.keymgr, '-c', self.path('sign.conf'), child, 'ds').splitlines()
              if ' 13 2 ' in x]
        if state == 'bogus':
            ds = [x[:-8] + ('00000000' if x[-8:] != '00000000' else '11111111') for x in ds]
        return ds

    def config(self, folder, signing):
        lines = ['server:', f'  rundir: {self.folder}', f'  listen: 127.0.0.1@{self.port}',
                 '  udp-workers: 1', '  tcp-workers: 1', '  background-workers: 1',
                 'log:', '  - target: stderr', '    any: warning',
                 'database:', f'  storage: {self.folder}', f'  kasp-db: {self.path("keys")}',
                 'policy:', '  - id: all', '    algorithm: ecdsap256sha256',
                 '    rrsig-lifetime: 14d', '    rrsig-refresh: 1d', 'zone:']
        for zone, (_, state) in self.zones.items():
            lines += [f'  - domain: {zone}', f'    storage: {self.path(folder)}',
                      '    journal-content: none', f'    file: {zone}.zone']
            if signing and state != 'unsigned':
                lines += ['    dnssec-signing: on', '    dnssec-policy: all']
        return '\n'.join(lines) + '\n'

    def make(self, zone):
        """From its records to what is served."""
        state = self.zones[zone][1]
        self.write(self.plain(zone), 'plain', zone + '.zone')
        if state == 'unsigned':
            shutil.copy(self.path('plain', zone + '.zone'), self.path('served'))
            return
        when = ['-t', str(int(time.time()) - 90 * 86400)] if state == 'expired' else []
        run(self.sign, '-c', self.path('sign.conf'), *when, '-o', self.path('served'), zone)
        if state.startswith('broken'):
            kinds = state.partition(':')[2] or 'MX|A|AAAA|TLSA|TXT|PTR'
            with open(self.path('served', zone + '.zone')) as f:
                text = f.read()
            self.write(re.sub(r'(RRSIG\s+(?:%s) .* )(\S+)\n' % kinds, self.spoil, text),
                       'served', zone + '.zone')

    @staticmethod
    def spoil(match):
        octets = bytearray(base64.b64decode(match[2]))
        octets[10] ^= 1
        return match[1] + base64.b64encode(octets).decode() + '\n'

    # --- life ---------------------------------------------------------------------

    def make_all(self):
        self.write(self.config('plain', True), 'sign.conf')
        self.write(self.config('served', False), 'serve.conf')
        for zone in [z for z in self.zones if z != self.top] + [self.top]:
            self.make(zone)

    def start(self):
        self.make_all()
        anchor = run(self.keymgr, '-c', self.path('sign.conf'), self.top, 'ds')
        self.write(''.join(x.replace(' DS ', ' IN DS ') + '\n' for x in anchor.splitlines()
                           if ' 13 2 ' in x), 'anchor')
        self.serve()
        return self

    def serve(self):
        with open(self.path('log'), 'ab') as log:
            self.process = subprocess.Popen([self.knotd, '-c', self.path('serve.conf')],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:  # its port is nobody else's from now on
            try:
                socket.create_connection(('127.0.0.1', self.port), 5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError('knotd does not answer:\n' + self.log()) from None
                time.sleep(0.02)

    def change(self, zone, records, state='good'):
        """Other records; served from now on."""
        self.serial += 1
        self.zone(zone, records, state)
        self.make_all()
        self.process.terminate()
        self.process.wait()
        self.serve()

    def settings(self, *more):
        """For the configuration; more: other zones, as 'zone address@port'."""
        zones = [f'{z} 127.0.0.1@{self.port}' for z in self.zones] + list(more)
        return ('dns:\n  trust_anchor: %s\n  zones: [%s]\n' %
                (self.path('anchor'), ', '.join(f'"{z}"' for z in zones)))

    def log(self):
        with open(self.path('log'), errors='replace') as f:
            return f.read()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
