"""Pebble, a certificate authority for tests, and a proxy before it that does harm.

The authority's host is ca.test, which the tests' name server points to loopback.
"""
import base64
import contextlib
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

from instance import build_dir, free_ports

HOST = 'ca.test'


def find_pebble():
    """The program: that of VX_PEBBLE, or installed, or unpacked by ./dev check; None: it is
    nowhere."""
    if os.environ.get('VX_PEBBLE'):
        return os.environ['VX_PEBBLE']
    unpacked = os.path.join(build_dir(), 'peers', 'pebble', 'usr', 'bin', 'pebble')
    return unpacked if os.access(unpacked, os.X_OK) else shutil.which('pebble')


class Pebble:
    """Strict; nonces: how many of a hundred good ones are refused; reuse: how many
    authorizations are valid from the beginning."""

    def __init__(self, ca, names_port, http_port, nonces=30, reuse=0, keys=None,
                 tls_port=1):
        self.program = find_pebble()
        if not self.program:
            raise unittest.SkipTest('no pebble: it is unpacked by ./dev check, when apt-get '
                                    'can have it')
        self.folder = tempfile.mkdtemp(prefix='vectis-pebble-')
        self.port, self.management = free_ports(2)
        self.ca_cert = ca.cert
        chain, key = ca.issue('authority', hosts=(HOST, 'localhost'))
        self.pair = (chain, key)
        config = {'listenAddress': f'127.0.0.1:{self.port}',
                  'managementListenAddress': f'127.0.0.1:{self.management}',
                  'certificate': chain, 'privateKey': key, 'httpPort': http_port,
                  'tlsPort': tls_port, 'ocspResponderURL': '',
                  'externalAccountBindingRequired': bool(keys),
                  # older ones know none
                  'profiles': {'classic': {'description': 'long', 'validityPeriod': 7776000},
                               'tlsserver': {'description': 'shorter',
                                             'validityPeriod': 3888000}}}
        if keys:
            config['externalAccountMACKeys'] = keys
        self.config = os.path.join(self.folder, 'pebble.json')
        with open(self.config, 'w') as f:
            json.dump({'pebble': config}, f)
        self.environment = dict(os.environ, PEBBLE_VA_NOSLEEP='1',
                                PEBBLE_WFE_NONCEREJECT=str(nonces),
                                PEBBLE_AUTHZREUSE=str(reuse))
        self.names_port = names_port
        self.process = None
        self.start()

    def start(self):
        self.log = os.path.join(self.folder, 'log')
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                [self.program, '-strict', '-config', self.config, '-dnsserver',
                 f'127.0.0.1:{self.names_port}'], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=self.environment, start_new_session=True)
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError('pebble does not start:\n' + self.said())
            time.sleep(0.02)

    def said(self, since=None):
        """The end of its log, or all from an offset on."""
        with open(self.log, errors='replace') as f:
            return f.read()[-5000:] if since is None else f.read()[since:]

    def directory(self, port=None):
        return f'https://{HOST}:{port or self.port}/dir'

    def ask(self, path):
        """What it says to a GET, as JSON."""
        context = ssl.create_default_context(cafile=self.ca_cert)
        with urllib.request.urlopen(f'https://localhost:{self.port}{path}', context=context,
                                    timeout=10) as answer:
            return json.load(answer)

    def status(self, serial):
        """Of a certificate, by its number in hex: 'Valid', 'Revoked'."""
        context = ssl.create_default_context(cafile=self.ca_cert)
        with urllib.request.urlopen(
                f'https://localhost:{self.management}/cert-status-by-serial/{serial}',
                context=context, timeout=10) as answer:
            return json.load(answer)['Status']

    def set_window(self, pem, said):
        """From now on that is said of the renewal of a certificate; False: it cannot be set."""
        context = ssl.create_default_context(cafile=self.ca_cert)
        request = urllib.request.Request(
            f'https://localhost:{self.management}/set-renewal-info/', method='POST',
            data=json.dumps({'Certificate': pem, 'ARIResponse': json.dumps(said)}).encode())
        try:
            urllib.request.urlopen(request, context=context, timeout=10).close()
            return True
        except urllib.error.HTTPError as e:
            if e.code != 404:
                raise
            return False

    def root(self):
        """The file with the root that its certificates lead to."""
        context = ssl.create_default_context(cafile=self.ca_cert)
        with urllib.request.urlopen(f'https://localhost:{self.management}/roots/0',
                                    context=context, timeout=10) as answer:
            path = os.path.join(self.folder, 'root.pem')
            with open(path, 'wb') as f:
                f.write(answer.read())
        return path

    def stop(self):
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Proxy(http.server.ThreadingHTTPServer):
    """Hands on to Pebble.  before(n, method, path): None, or (status, fields, body) that is
    said instead; after(n, method, path, status, fields, body): the same, when it was done;
    'cut' ends the connection."""
    daemon_threads = True

    def __init__(self, pebble):
        self.pebble = pebble
        self.lock = threading.Lock()
        self.begin()
        super().__init__(('127.0.0.1', 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pebble.pair)
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def begin(self):
        """Nothing was asked so far, and nothing is done to what is."""
        self.count = 0
        self.paths = []
        self.payloads = []  # (path, what was signed), as JSON where it is
        self.before = lambda n, method, path: None
        self.after = lambda n, method, path, status, fields, body: None

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # whoever is killed in the middle of a request says nothing

    def stop(self):
        self.shutdown()
        self.server_close()


def payload_of(body):
    with contextlib.suppress(ValueError, KeyError):
        text = json.loads(body)['payload']
        return json.loads(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)))
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def ask(self, body):
        context = ssl.create_default_context(cafile=self.server.pebble.ca_cert)
        context.check_hostname = False
        peer = http.client.HTTPSConnection('127.0.0.1', self.server.pebble.port,
                                           context=context, timeout=20)
        fields = {k: v for k, v in self.headers.items() if k.lower() != 'connection'}
        peer.request(self.command, self.path, body, fields)
        answer = peer.getresponse()
        octets = answer.read()
        peer.close()
        return answer.status, answer.getheaders(), octets

    def say(self, status, fields, body):
        self.send_response_only(status)
        for name, value in fields:
            if name.lower() not in ('content-length', 'connection', 'transfer-encoding'):
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        with self.server.lock:
            self.server.count += 1
            n = self.server.count
            self.server.paths.append(self.path)
            self.server.payloads.append((self.path, payload_of(body)))
        said = self.server.before(n, self.command, self.path)
        if not said:
            answer = self.ask(body)
            said = self.server.after(n, self.command, self.path, *answer) or answer
        if said == 'cut':
            self.close_connection = True
            return
        self.say(*said)

    do_GET = do_HEAD = do_POST
