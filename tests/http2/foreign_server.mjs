// Node's HTTP/2 server, which does what a path asks it to.
// Arguments: key file, certificate file, options of createSecureServer as JSON.

import { readFileSync } from 'node:fs';
import http2 from 'node:http2';

const [keyFile, certFile, options] = process.argv.slice(2);
const { constants } = http2;
const LAST_POSSIBLE = 2 ** 31 - 1;

/** Of all connections; a session does not give its own away. */
const sockets = [];

/** Streams of a session that are answered only when another path says so. */
const held = new WeakMap();

function hold(stream) {
  const streams = held.get(stream.session) ?? [];
  held.set(stream.session, [...streams, stream]);
}

function release(session) {
  for (const stream of held.get(session) ?? []) {
    if (!stream.closed) answer(stream, 200, 'released');
  }
  held.delete(session);
}

function answer(stream, status, body = '', headers = {}) {
  stream.respond({ ':status': status, ...headers });
  stream.end(body);
}

/** Calls back when the client has seen all that was sent before. */
function roundTrip(session, then) {
  session.ping((error) => error ?? then());
}

const early = {
  // Answered before the request's body is here, which is then thrown away.
  '/early': (stream) => answer(stream, 413, '{"reason":"PayloadTooLarge"}'),
  // Answered before the request's body is here, which the client may yet send.
  '/early-and-read': (stream) => {
    answer(stream, 200, 'early');
    stream.resume();
  },
  '/refused': (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
};

const whole = {
  '/echo': (stream, { body, headers }) =>
    answer(stream, 200, body, { 'apns-id': headers['apns-id'] ?? '' }),
  '/nothing': (stream) => {
    stream.respond({ ':status': 410 }, { endStream: true });
  },
  '/split': (stream, { body }) => {
    stream.respond({ ':status': 200 });
    const next = (at) => {
      if (at >= body.length) return stream.end();
      stream.write(body.subarray(at, at + 500), () => setImmediate(next, at + 500));
    };
    next(0);
  },
  '/trailers': (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end('with trailers');
  },
  '/informational': (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' });
    stream.additionalHeaders({ ':status': 103, link: '</b>; rel=preload' });
    answer(stream, 200, 'final');
  },
  '/huge-headers': (stream) => {
    const names = Array.from({ length: 12 }, (_, n) => [`x-huge-${n}`, `${n % 10}`.repeat(4000)]);
    answer(stream, 200, 'huge', Object.fromEntries(names));
  },
  '/push': (stream) => {
    const allowed = String(stream.pushAllowed);
    try {
      stream.pushStream({ ':path': '/pushed' }, () => {});
      answer(stream, 200, 'pushed', { 'push-allowed': allowed });
    } catch (error) {
      answer(stream, 200, error.code, { 'push-allowed': allowed });
    }
  },
  '/reset': (stream, { body }) => stream.close(Number(body)),
  '/reset-after-headers': (stream, { body }) => {
    // Without trailers to wait for, closing would end the answer before it resets the stream.
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {});
    stream.write('half of the answ');
    roundTrip(stream.session, () => stream.close(Number(body)));
  },
  '/reset-after-answer': (stream) => {
    stream.on('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
    answer(stream, 200, 'whole');
  },
  // Answered when as many PINGs as the body says have come back.
  '/pings': (stream, { body }) => {
    const next = (left) => {
      if (left === 0) return answer(stream, 200, 'pinged');
      roundTrip(stream.session, () => next(left - 1));
    };
    next(Number(body));
  },
  // Answered when the client has taken note of the settings in a header of that name.
  '/settings': (stream, { headers }) => {
    stream.session.settings(JSON.parse(headers.settings), () => answer(stream, 200, 'settled'));
  },
  '/hold': hold,
  '/release': (stream) => {
    release(stream.session);
    answer(stream, 200);
  },
  // Says goodbye gracefully, then answers what is held.
  '/close': (stream) => {
    const { session } = stream;
    hold(stream);
    session.close();
    server.close();
    setTimeout(release, 50, session);
  },
  // Says goodbye, and names the first held stream as the last that it will answer.
  '/goaway': (stream) => {
    const { session } = stream;
    session.goaway(constants.NGHTTP2_NO_ERROR, held.get(session)[0].id, Buffer.from('Shutdown'));
    setTimeout(release, 50, session);
  },
  // The same in two steps, as RFC 9113, 6.8 advises.
  '/goaway-twice': (stream) => {
    const { session } = stream;
    session.goaway(constants.NGHTTP2_NO_ERROR, LAST_POSSIBLE);
    roundTrip(session, () => {
      session.goaway(constants.NGHTTP2_NO_ERROR, held.get(session)[0].id);
      setTimeout(release, 50, session);
    });
  },
  '/destroy': ({ session }) => session.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR),
  '/drop': () => sockets.forEach((socket) => socket.destroy()),
};

const server = http2.createSecureServer({
  key: readFileSync(keyFile),
  cert: readFileSync(certFile),
  ...JSON.parse(options),
});

server.on('secureConnection', (socket) => sockets.push(socket));
server.on('stream', (stream, headers) => {
  // Tests break streams and connections on purpose.
  stream.on('error', () => {});
  const path = headers[':path'];
  if (path in early) return early[path](stream);
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('end', () => {
    const act = whole[path] ?? ((it) => answer(it, 404, '{"reason":"BadPath"}'));
    act(stream, { body: Buffer.concat(chunks), headers });
  });
});
server.on('sessionError', () => {});
server.listen(0, '127.0.0.1');
