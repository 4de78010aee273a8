"""The HTTPS client of the daemons against servers that do everything wrong."""
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from instance import CertificateAuthority, build_dir
from peers import Names, WebServer, http


class Fetch(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='vectis-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.ca = CertificateAuthority(cls.folder)
        cls.pair = cls.ca.issue('web', hosts=('web.test', 'other.test', 'six.test'))
        cls.names = Names({'web.test': {'A': ['127.0.0.1']},
                           'six.test': {'AAAA': ['::1']},
                           'empty.test': {'TXT': ['x']},
                           'second.test': {'A': ['127.0.44.1', '127.0.0.1']},
                           'wrong.test': {'A': ['127.0.0.1']}})
        cls.names.broken.add('broken.test')
        cls.config = os.path.join(cls.folder, 'config.yaml')
        with open(cls.config, 'w') as f:
            f.write(f'hostname: mail.test\ntls:\n  provider: self-signed\n'
                    f'  authorities: {cls.ca.cert}\n' + cls.names.settings())
        cls.web = WebServer(cls.pair, answers={
            '/plain': http(b'hello', fields=['Replay-Nonce: abc', 'Retry-After:  120 ',
                                             'Link: <https://a.test/>;rel="up"']),
            '/away': http(b'', '302 Found', fields=['Location: https://web.test/plain']),
            '/problem': http(b'{}', '429 Too Many Requests', 'application/problem+json'),
            '/echo': lambda r: http(r[3], fields=['X-Method: ' + r[0], 'X-Type: ' +
                                                  r[2].get('content-type', '-')]),
            '/agent': lambda r: http(r[2]['user-agent'].encode()),
            '/chunked': [b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                         b'5\r\nhello\r\n', b'6\r\n world\r\n', b'0\r\n\r\n'],
            '/hint': [b'HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n', http(b'late')],
            '/slow': cls.slow, '/cut': lambda r: cls.cut(http(b'x' * 100)[:-50]),
            '/closed': lambda r: None,
            '/old': lambda r: cls.cut(b'no header\r\n'),
            '/headers': http(b'x', fields=[f'X-{i}: y' for i in range(200)]),
            '/header': http(b'x', fields=['X: ' + 'y' * 9000]),
            '/large': http(b'x' * 100000)})
        cls.addClassCleanup(cls.web.stop)

    @staticmethod
    def slow(_):
        for octet in http(b'x' * 1000):
            time.sleep(0.1)
            yield bytes([octet])

    @staticmethod
    def cut(octets):
        yield octets
        raise ValueError('closed')

    def run_tool(self, *args):
        done = subprocess.run([os.path.join(build_dir(), 'fetch_tool'), self.config,
                               *self.options, *args], capture_output=True, timeout=60,
                              check=False, text=True)
        self.assertEqual(done.stderr, '')
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def fetch(self, path, *options, host='web.test', method='GET', port=None):
        out = self.run_tool(*options, method,
                            f'https://{host}:{port or self.web.port}{path}')
        head, _, body = out.partition('\n\n')
        result, status, _, *fields = head.split('\n')
        self.fields = {name.lower(): value for name, value in
                       (line.split(': ', 1) for line in fields if ': ' in line)}
        self.body = body[:-1]
        return result, int(status)

    def test_an_answer(self):
        self.assertEqual(self.fetch('/plain'), ('answered', 200))
        self.assertEqual(self.body, 'hello')
        self.assertEqual(self.fields['replay-nonce'], 'abc')
        self.assertEqual(self.fields['retry-after'], '120')
        self.assertEqual(self.fields['link'], '<https://a.test/>;rel="up"')
        self.assertEqual(self.web.requests[-1][4], 'web.test')  # SNI
        self.assertEqual(self.fetch('/agent')[1], 200)
        self.assertRegex(self.body, r'^vectis/[0-9.]+')

    def test_statuses_are_answers(self):
        self.assertEqual(self.fetch('/problem'), ('answered', 429))
        self.assertEqual(self.body, '{}')
        self.assertEqual(self.fetch('/nothing'), ('answered', 404))
        self.assertEqual(self.fetch('/away'), ('answered', 302))
        self.assertEqual(self.fields['location'], 'https://web.test/plain')

    def test_methods(self):
        self.assertEqual(self.fetch('/echo', '-d', 'payload', '-f',
                                    'Content-Type: application/jose+json', method='POST'),
                         ('answered', 200))
        self.assertEqual(self.body, 'payload')
        self.assertEqual(self.fields['x-method'], 'POST')
        self.assertEqual(self.fields['x-type'], 'application/jose+json')
        self.assertEqual(self.fetch('/echo', '-d', 'p', method='PATCH')[1], 200)
        self.assertEqual(self.fields['x-method'], 'PATCH')
        self.assertEqual(self.fields['x-type'], '-')
        self.assertEqual(self.fetch('/echo', method='DELETE')[1], 200)
        self.assertEqual(self.fields['x-method'], 'DELETE')
        self.web.answers['/head'] = b'HTTP/1.1 200 OK\r\nReplay-Nonce: n1\r\n\r\n'
        self.assertEqual(self.fetch('/head', method='HEAD'), ('answered', 200))
        self.assertEqual(self.fields['replay-nonce'], 'n1')
        self.assertEqual(self.body, '')
        big = 'x' * 120000
        self.assertEqual(self.fetch('/echo', '-d', big, method='POST')[1], 200)
        self.assertEqual(self.body, big)

    def test_pieces(self):
        self.assertEqual(self.fetch('/chunked'), ('answered', 200))
        self.assertEqual(self.body, 'hello world')
        self.assertEqual(self.fetch('/hint'), ('answered', 200))
        self.assertEqual(self.body, 'late')
        self.assertNotIn('x-early', self.fields)

    def test_one_connection_for_several(self):
        before = self.web.connections
        self.assertEqual(self.fetch('/plain', '-n', '3'), ('answered', 200))
        self.assertEqual(self.web.connections, before + 1)

    def test_names(self):
        self.assertEqual(self.fetch('/plain', host='nowhere.test'), ('no name', 0))
        self.assertEqual(self.fetch('/plain', host='empty.test'), ('no name', 0))
        self.assertEqual(self.fetch('/plain', host='broken.test')[0], 'DNS failed')

    def test_addresses(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.assertEqual(self.fetch('/plain', port=port)[0], 'cannot connect')
        pair = self.ca.issue('second', hosts=('second.test',))
        web = WebServer(pair, answers={'/plain': http(b'there')})
        self.addCleanup(web.stop)
        self.assertEqual(self.fetch('/plain', host='second.test', port=web.port),
                         ('answered', 200))
        self.assertEqual(self.fetch('/plain', host='127.0.0.1'), ('answered', 200))

    def test_certificates(self):
        self.assertEqual(self.fetch('/plain', host='wrong.test')[0], 'wrong certificate')
        folder = tempfile.mkdtemp(dir=self.folder)
        for name, ca, days in (('strange', CertificateAuthority(folder), 30),
                               ('old', self.ca, -1)):
            web = WebServer(ca.issue(name, days=days, hosts=('web.test',)),
                            answers={'/plain': http(b'no')})
            self.addCleanup(web.stop)
            self.assertEqual(self.fetch('/plain', port=web.port)[0], 'wrong certificate',
                             name)
            self.assertEqual(web.requests, [])

    def test_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers('DEFAULT@SECLEVEL=0')
        web = WebServer(self.pair, context=context)
        self.addCleanup(web.stop)
        self.assertEqual(self.fetch('/plain', port=web.port)[0], 'TLS failed')
        with socket.create_server(('127.0.0.1', 0)) as s:  # speaks no TLS
            def clear():
                c, _ = s.accept()
                c.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
                c.recv(1000)
                c.close()
            threading.Thread(target=clear, daemon=True).start()
            self.assertEqual(self.fetch('/plain', port=s.getsockname()[1])[0], 'TLS failed')

    def test_time(self):
        began = time.monotonic()
        self.assertEqual(self.fetch('/slow', '-m', '1500')[0], 'timed out')
        with socket.create_server(('127.0.0.1', 0)) as s:  # says nothing
            self.assertEqual(self.fetch('/', '-m', '1500', port=s.getsockname()[1])[0],
                             'timed out')
        self.assertLess(time.monotonic() - began, 20)

    def test_limits(self):
        self.assertEqual(self.fetch('/large', '-s', '99999')[0], 'too large')
        self.assertEqual(self.fetch('/large', '-s', '100000'), ('answered', 200))
        self.assertEqual(len(self.body), 100000)
        self.assertEqual(self.fetch('/headers')[0], 'too large')
        self.assertEqual(self.fetch('/header')[0], 'too large')

    def test_what_is_no_answer(self):
        for path in ('/cut', '/closed', '/old'):
            self.assertEqual(self.fetch(path)[0], 'connection broken', path)

    def test_what_is_not_asked(self):
        for method, url in (('GET', 'http://web.test/'), ('GET', 'file:///etc/passwd'),
                            ('GET', 'https://we b.test/'), ('get', 'https://web.test/'),
                            ('GET', 'https://web.test/\r\nX: y'), ('GET', 'https://'),
                            ('GET', 'https://web.test:99999/'),
                            ('GET', 'https://a/' + 'x' * 2048)):
            done = subprocess.run([os.path.join(build_dir(), 'fetch_tool'), self.config,
                                   *self.options, method, url], capture_output=True,
                                  timeout=60, check=False, text=True)
            said = done.stdout.split('\n')[0]
            self.assertIn(said, ('refused', 'not asked'), url)


class Away(Fetch):
    """The same by way of the process that fetches for others."""
    options = ('-a',)


if __name__ == '__main__':
    harness.main('__main__')
