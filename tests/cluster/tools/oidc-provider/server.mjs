// A real OpenID provider for the tests: `node server.mjs PORT`, on loopback. `PUT /settings` sets it up, and again:
// issuer, clients, keys (private JWKs, the first one signs) and audiences, as JSON. A client asks for an audience by
// `resource=urn:aegis:AUDIENCE`.
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { errors, Provider } from 'oidc-provider';

const PREFIX = 'urn:aegis:';

function callback({ issuer, clients, keys, audiences }) {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_, resource) {
          const audience = resource.slice(PREFIX.length);
          if (!resource.startsWith(PREFIX) || !audiences.includes(audience)) throw new errors.InvalidTarget();
          return { scope: '', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600 };
        },
      },
    },
  });
  return provider.callback();
}

let answer = (_, response) => response.writeHead(503).end();

async function serve(request, response) {
  if (request.method !== 'PUT' || request.url !== '/settings') return answer(request, response);
  answer = callback(await json(request));
  return response.writeHead(204).end();
}

createServer(serve).listen(Number(process.argv[2]), '127.0.0.1');
