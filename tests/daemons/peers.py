"""Other people's servers on loopback: a name server and mail servers, in threads."""
import base64
import contextlib
import hashlib
import hmac
import os
import re
import socket
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28,
         'TLSA': 52, 'CAA': 257}


def wire_name(name):
    labels = [label for label in name.rstrip('.').split('.') if label]
    return b''.join(bytes([len(label)]) + label.encode() for label in labels) + b'\0'


def wire_data(kind, text):
    if kind == 'A':
        return socket.inet_aton(text)
    if kind == 'AAAA':
        return socket.inet_pton(socket.AF_INET6, text)
    if kind == 'MX':
        preference, host = text.split()
        return struct.pack('>H', int(preference)) + wire_name(host)
    if kind == 'CAA':
        flags, tag, value = text.split(' ', 2)
        return bytes([int(flags), len(tag)]) + tag.encode() + value.encode()
    if kind == 'TXT':
        octets = text.encode()
        pieces = [octets[i:i + 255] for i in range(0, len(octets), 255)] or [b'']
        return b''.join(bytes([len(p)]) + p for p in pieces)
    return wire_name(text)


class Stream(socketserver.StreamRequestHandler):
    """A connection to a name server."""

    def handle(self):
        with contextlib.suppress(OSError, struct.error, IndexError):
            while True:
                n, = struct.unpack('>H', self.rfile.read(2))
                answer = self.server.names.answer(self.rfile.read(n))
                self.wfile.write(struct.pack('>H', len(answer)) + answer)


class Names:
    """A name server for zones that are a dictionary: {'a.test': {'A': ['192.0.2.1']}}.
    With tcp it listens on such a port, too, as newer authorities want."""

    def __init__(self, records=None, port=0, tcp=False):
        self.records = records or {}
        self.broken = set()  # names that are answered with SERVFAIL
        self.asked = []
        self.tcp = socketserver.ThreadingTCPServer(('127.0.0.1', port), Stream) if tcp else None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', self.tcp.server_address[1] if tcp else port))
        self.port = self.socket.getsockname()[1]
        if tcp:
            self.tcp.names = self
            self.tcp.daemon_threads = True
            threading.Thread(target=self.tcp.serve_forever, daemon=True).start()
        self.stopped = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def settings(self, *zones):
        """For the configuration."""
        return 'dns:\n  trust_anchor: /nonexistent\n  zones: [%s]\n' % ', '.join(
            f'"{zone} 127.0.0.1@{self.port}"' for zone in zones or ('test',))

    def add(self, name, kind, *texts):
        self.records.setdefault(name, {}).setdefault(kind, []).extend(texts)

    def stop(self):
        """From now on nobody listens there."""
        self.stopped = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b'', ('127.0.0.1', self.port))
        self.thread.join()
        self.socket.close()
        if self.tcp:
            self.tcp.shutdown()
            self.tcp.server_close()

    def serve(self):
        while not self.stopped:
            query, peer = self.socket.recvfrom(4096)
            with contextlib.suppress(IndexError, struct.error):
                self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += query[at] + 1
        name, kind = '.'.join(labels), struct.unpack('>H', query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        self.asked.append((name, kind))
        answers = [(k, t) for k, texts in self.records.get(name, {}).items() for t in texts
                   if TYPES[k] == kind]
        there = any(n == name or n.endswith('.' + name) for n in self.records)
        rcode = 2 if name in self.broken else 0 if there else 3
        body = b''
        if rcode == 0:
            for k, text in answers:
                data = wire_data(k, text)
                body += b'\xc0\x0c' + struct.pack('>HHIH', TYPES[k], 1, 1, len(data)) + data
        authority = b''
        if not body and rcode != 2:
            soa = wire_name('ns.test') * 2 + struct.pack('>IIIII', 1, 1, 1, 1, 1)
            authority = wire_name('test') + struct.pack('>HHIH', 6, 1, 1, len(soa)) + soa
        return (query[:2] + struct.pack('>HHHHH', 0x8400 | rcode, 1,
                                        len(answers) if body else 0, 1 if authority else 0, 0)
                + question + body + authority)


class MailServer(socketserver.ThreadingTCPServer):
    """Keeps what it is sent in messages: (sender, recipients, octets, TLS?).

    replies: {'RCPT': '450 4.2.0 later'} what is said instead, or a function of the line.
    users: {'joe': 'secret'} have to log in, once there is TLS; mechanisms: of EHLO.
    implicit: TLS is on from the first octet.
    """
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address='127.0.0.1', port=0, replies=None, tls=None, users=None,
                 mechanisms='PLAIN LOGIN', implicit=False,
                 extensions=('PIPELINING', 'SIZE 10000000', '8BITMIME', 'SMTPUTF8',
                             'ENHANCEDSTATUSCODES', 'DSN')):
        self.replies = replies or {}
        self.extensions = list(extensions)
        self.messages, self.sessions, self.lines = [], 0, []
        self.users, self.mechanisms, self.implicit = users, mechanisms, implicit
        self.logins = []  # those that were right
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
            if not implicit:
                self.extensions.append('STARTTLS')
        super().__init__((address, port), Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b'\r\n')

    def special(self, verb, line):
        reply = self.server.replies.get(verb)
        return reply(line) if callable(reply) else reply

    def handle(self):
        self.server.sessions += 1
        self.secure, self.sender, self.to = False, None, []
        self.user = None
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            if self.server.implicit:
                self.begin_tls()
            self.talk()

    def talk(self):
        greeting = self.special('GREETING', '')
        if greeting == 'CLOSE':
            return
        self.say(greeting or '220 peer ESMTP')
        while True:
            line = self.rfile.readline().decode('utf-8', 'replace').rstrip('\r\n')
            if not line:
                return
            self.server.lines.append(line)
            verb = line.split(' ', 1)[0].upper()
            reply = self.special(verb, line)
            if reply == 'CLOSE':
                return
            if verb == 'QUIT':
                self.say('221 2.0.0 bye')
                return
            if reply:
                self.say(reply)
            else:
                getattr(self, verb, self.unknown)(line)

    def unknown(self, _):
        self.say('502 5.5.1 what?')

    def EHLO(self, _):
        names = [e for e in self.server.extensions if e != 'STARTTLS' or not self.secure]
        if self.server.users is not None and self.secure:
            names.append('AUTH ' + self.server.mechanisms)
        for i, name in enumerate(['peer'] + names):
            self.say('250' + ('-' if i < len(names) else ' ') + name)

    def HELO(self, _):
        self.say('250 peer')

    def STARTTLS(self, _):
        self.say('220 2.0.0 go on')
        self.wfile.flush()
        self.begin_tls()

    def begin_tls(self):
        self.connection = self.request = self.server.tls.wrap_socket(
            self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile('rb'), socketserver._SocketWriter(
            self.connection)
        self.secure = True

    def ask(self, prompt=b''):
        self.say('334 ' + base64.b64encode(prompt).decode())
        return base64.b64decode(self.rfile.readline())

    def AUTH(self, line):
        words = line.split()
        mechanism = words[1].upper()
        if mechanism == 'PLAIN':
            given = base64.b64decode(words[2]) if len(words) > 2 else self.ask()
            _, user, password = given.decode().split('\0')
        elif mechanism == 'LOGIN':
            user = self.ask(b'Username:').decode()
            password = self.ask(b'Password:').decode()
        elif mechanism == 'SCRAM-SHA-256':
            self.scram(base64.b64decode(words[2]).decode())
            return
        else:
            self.say('504 5.5.4 not known')
            return
        if self.server.users.get(user) != password:
            self.say(self.special('WRONG', line) or '535 5.7.8 no')
            return
        self.welcome(user)

    def welcome(self, user):
        self.user = user
        self.server.logins.append(user)
        self.say('235 2.7.0 welcome')

    def scram(self, first):
        """RFC 5802 and 7677, without channel binding."""
        bare = first.split(',', 2)[2]
        said = dict(p.split('=', 1) for p in bare.split(','))
        password = self.server.users.get(said['n'], '')
        salt, nonce = b'salt of the peer', said['r'] + 'peer'
        challenge = f'r={nonce},s={base64.b64encode(salt).decode()},i=4096'
        final = self.ask(challenge.encode()).decode()
        without, proof = final.rsplit(',p=', 1)
        salted = hashlib.pbkdf2_hmac('sha256', password.encode(), salt, 4096)
        text = f'{bare},{challenge},{without}'.encode()
        key = hmac.digest(salted, b'Client Key', 'sha256')
        right = bytes(a ^ b for a, b in zip(key, hmac.digest(
            hashlib.sha256(key).digest(), text, 'sha256')))
        if base64.b64decode(proof) != right or f'r={nonce}' not in without:
            self.say('535 5.7.8 no')
            return
        server = hmac.digest(hmac.digest(salted, b'Server Key', 'sha256'), text, 'sha256')
        if self.server.replies.get('LIES'):
            server = bytes(32)
        self.ask(b'v=' + base64.b64encode(server))
        self.welcome(said['n'])

    def MAIL(self, line):
        if self.server.users is not None and self.user is None:
            self.say('530 5.7.0 log in first')
            return
        self.sender, self.to = line.split(':', 1)[1], []
        self.say('250 2.1.0 ok')

    def RCPT(self, line):
        if self.sender is None:
            self.say('503 5.5.1 MAIL first')
            return
        self.to.append(line.split(':', 1)[1])
        self.say('250 2.1.5 ok')

    def RSET(self, _):
        self.sender, self.to = None, []
        self.say('250 2.0.0 ok')

    def DATA(self, _):
        if not self.to:
            self.say('554 5.5.1 no recipients')
            return
        self.say('354 go on')
        octets = b''
        while True:
            line = self.rfile.readline()
            if not line:
                return
            if line == b'.\r\n':
                break
            octets += line[1:] if line.startswith(b'.') else line
        reply = self.special('END', octets.decode('utf-8', 'replace'))
        if reply == 'CLOSE':
            return
        if not reply or reply.startswith('2'):
            self.server.messages.append((self.sender, self.to, octets, self.secure))
        self.sender, self.to = None, []
        self.say(reply or '250 2.0.0 taken')


def relaxed(field):
    """A header field by RFC 6376 3.4.2."""
    name, value = field.split(b':', 1)
    value = re.sub(rb'[ \t]+', b' ', value.replace(b'\r\n', b'')).strip(b' ')
    return name.strip().lower() + b':' + value + b'\r\n'


def relaxed_hash(body):
    lines = [re.sub(rb'[ \t]+', b' ', x).rstrip(b' ') for x in body.split(b'\r\n')]
    while lines and not lines[-1]:
        lines.pop()
    return hashlib.sha256(b''.join(x + b'\r\n' for x in lines)).digest()


def fields_of(head):
    return re.findall(rb'[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*', head + b'\r\n')


def dkim_sign(message, domain, selector, key):
    """The message with a signature (relaxed/relaxed) by an RSA key, a file, in front."""
    head, body = message.split(b'\r\n\r\n', 1)
    fields = fields_of(head)
    names = [f.split(b':', 1)[0].decode() for f in fields]
    signature = (f'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain};\r\n'
                 f' s={selector}; h={":".join(names)};\r\n bh='
                 + base64.b64encode(relaxed_hash(body)).decode() + ';\r\n b=').encode()
    text = b''.join(map(relaxed, fields)) + relaxed(signature + b'\r\n').rstrip(b'\r\n')
    made = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', key], input=text, check=True,
                          stdout=subprocess.PIPE).stdout
    return signature + base64.b64encode(made) + b'\r\n' + message


def dkim_pass(message, index, public_key):
    """Is signature number index (relaxed/relaxed) that of the message?  By openssl, RSA."""
    head, body = message.split(b'\r\n\r\n', 1)
    fields = fields_of(head)
    signature = [f for f in fields if f.lower().startswith(b'dkim-signature:')][index]
    tags = dict(t.strip().split(b'=', 1) for t in relaxed(signature)[15:].strip().split(b';')
                if b'=' in t)
    if base64.b64decode(tags[b'bh'].replace(b' ', b'')) != relaxed_hash(body):
        return False
    left, text = list(fields), b''
    for name in tags[b'h'].replace(b' ', b'').split(b':'):
        for f in reversed(left):
            if f.split(b':', 1)[0].strip().lower() == name.lower():
                text += relaxed(f)
                left.remove(f)
                break
    text += relaxed(re.sub(rb'([; \t]b=)[^;]*', rb'\1', signature)).rstrip(b'\r\n')
    with tempfile.TemporaryDirectory() as folder:
        for name, octets in (('key', public_key), ('sig', base64.b64decode(
                tags[b'b'].replace(b' ', b''))), ('text', text)):
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(octets)
        return subprocess.run(['openssl', 'dgst', '-sha256', '-verify', 'key', '-keyform',
                               'DER', '-signature', 'sig', 'text'], cwd=folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0


def http(body=b'', status='200 OK', kind='text/plain', fields=()):
    """An answer in HTTP as octets."""
    lines = [f'HTTP/1.1 {status}', f'Content-Length: {len(body)}', *fields]
    if kind:
        lines.append(f'Content-Type: {kind}')
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + body


class WebServer(socketserver.ThreadingTCPServer):
    """HTTPS.  answers: {'/path': octets}, or a function of the request that gives octets, or
    yields them piece by piece.  requests has what came: (method, path, fields, body, SNI).
    """
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, pair, address='127.0.0.1', port=0, answers=None, context=None):
        self.answers = answers or {}
        self.requests, self.connections, self.names = [], 0, {}
        self.tls = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*pair)
        self.tls.sni_callback = lambda sock, name, _: self.names.__setitem__(sock, name)
        super().__init__((address, port), WebSession)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()


class WebSession(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.connections += 1
        with contextlib.suppress(ConnectionError, ssl.SSLError, ValueError):
            with self.server.tls.wrap_socket(self.request, server_side=True) as secure:
                name = self.server.names.pop(secure, None)
                with secure.makefile('rb') as lines:
                    while self.one(secure, lines, name):
                        pass

    def one(self, secure, lines, name):
        words = lines.readline().decode('latin-1').split()
        if len(words) != 3:
            return False
        fields = {}
        while (line := lines.readline().decode('latin-1').strip()):
            key, value = line.split(':', 1)
            fields[key.lower()] = value.strip()
        body = lines.read(int(fields.get('content-length', 0)))
        request = (words[0], words[1], fields, body, name)
        self.server.requests.append(request)
        answer = self.server.answers.get(words[1], http(b'nothing', '404 Not Found'))
        if callable(answer):
            answer = answer(request)
        if answer is None:
            return False
        for piece in [answer] if isinstance(answer, bytes) else answer:
            secure.sendall(piece)
        return True
