// The peer of `cargo dev bench api`: the API's busiest endpoints on Express, pg and ioredis, written the usual way.
//
// Same database, same Redis, same JSON, same argon2id parameters (those of the stored hash). What it leaves out (metrics,
// limits, live scores, payments) makes it faster, not slower.
'use strict';

const { randomUUID } = require('node:crypto');
const argon2 = require('argon2');
const express = require('express');
const Redis = require('ioredis');
const jwt = require('jsonwebtoken');
const { Pool, types } = require('pg');

const { DATABASE_URL, REDIS_URL, JWT_SECRET, PORT } = process.env;
const CACHE_SECONDS = Number(process.env.CACHE_TTL_SECONDS || 30);
const SESSION_SECONDS = 24 * 3600;
const ARGON2 = { type: argon2.argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 };

// Counts fit a JavaScript number.
types.setTypeParser(types.builtins.INT8, Number);

const pool = new Pool({ connectionString: DATABASE_URL, max: 20, min: 5 });
const redis = new Redis(REDIS_URL);
const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '64kb' }));

class Problem extends Error {
  constructor(status, title, detail) {
    super(detail);
    Object.assign(this, { status, title, detail });
  }
}

const tournament = (row) => ({
  id: row.id,
  ownerId: row.owner_id,
  name: row.name,
  game: row.game,
  seats: row.seats,
  seatsTaken: row.seats_taken,
  waiting: row.waiting,
  status: row.status,
  startsAt: row.starts_at,
  createdAt: row.created_at,
});

// Cache-aside: what Redis has is sent as it is, what it has not is made and kept for a while.
async function cached(key, make) {
  const kept = await redis.get(key);
  if (kept !== null) return kept;
  const text = JSON.stringify(await make());
  await redis.set(key, text, 'EX', CACHE_SECONDS);
  return text;
}

function sendPublic(res, text) {
  res.set('Cache-Control', 'public, max-age=10').type('application/json').send(text);
}

async function authenticated(req, res, next) {
  const [scheme, token] = (req.get('authorization') || '').split(' ');
  if (scheme !== 'Bearer' || !token) throw new Problem(401, 'Unauthorized', 'send a token');
  let claims;
  try {
    claims = jwt.verify(token, JWT_SECRET, { algorithms: ['HS256'] });
  } catch {
    throw new Problem(401, 'Unauthorized', 'the token is not valid');
  }
  const record = await redis.get(`node:session:${claims.sid}`);
  if (record === null) throw new Problem(401, 'Unauthorized', 'the session has ended');
  req.session = { id: claims.sid, userId: claims.sub, ...JSON.parse(record) };
  next();
}

app.get('/health', (req, res) => res.json({ status: 'ok' }));

app.get('/api/tournaments', async (req, res) => {
  const limit = Math.min(Number(req.query.limit || 20), 100);
  const text = await cached(`node:list:${req.url}`, async () => {
    const where = [];
    const values = [];
    const and = (clause, value) => {
      values.push(value);
      where.push(clause.replace('?', `$${values.length}`));
    };
    if (req.query.game) and('game = ?', req.query.game);
    if (req.query.status) and('status = ?', req.query.status);
    if (req.query.startsAfter) and('starts_at > ?', req.query.startsAfter);
    if (req.query.cursor) and('id < ?', Buffer.from(req.query.cursor, 'base64url').toString());
    values.push(limit + 1);
    const { rows } = await pool.query(
      `select id, owner_id, name, game, seats, seats_taken, waiting, status, starts_at, created_at from tournaments
       ${where.length ? `where ${where.join(' and ')}` : ''} order by id desc limit $${values.length}`,
      values,
    );
    const items = rows.slice(0, limit).map(tournament);
    const last = rows.length > limit ? items[items.length - 1] : null;
    return { items, nextCursor: last && Buffer.from(last.id).toString('base64url') };
  });
  sendPublic(res, text);
});

app.get('/api/tournaments/:id', async (req, res) => {
  const text = await cached(`node:tournament:${req.params.id}`, async () => {
    const { rows } = await pool.query(
      `select id, owner_id, name, game, seats, seats_taken, waiting, status, starts_at, created_at
       from tournaments where id = $1`,
      [req.params.id],
    );
    if (rows.length === 0) throw new Problem(404, 'Not found', 'there is no such tournament');
    return tournament(rows[0]);
  });
  sendPublic(res, text);
});

app.post('/api/sessions', async (req, res) => {
  const { email, password } = req.body;
  const { rows } = await pool.query('select id, email, name, password_hash, created_at from users where email = $1', [
    String(email).toLowerCase(),
  ]);
  const user = rows[0];
  const valid = user ? await argon2.verify(user.password_hash, String(password)) : await argon2.hash(String(password), ARGON2);
  if (!user || !valid) throw new Problem(401, 'Unauthorized', 'address or password is wrong');
  const id = randomUUID();
  const createdAt = new Date();
  await redis
    .multi()
    .set(`node:session:${id}`, JSON.stringify({ createdAt }), 'EX', SESSION_SECONDS)
    .sadd(`node:sessions:${user.id}`, id)
    .expire(`node:sessions:${user.id}`, SESSION_SECONDS)
    .exec();
  const token = jwt.sign({ sub: user.id, sid: id }, JWT_SECRET, { expiresIn: SESSION_SECONDS });
  res.status(201).json({
    token,
    expiresAt: new Date(Date.now() + SESSION_SECONDS * 1000),
    session: { id, createdAt, current: true },
    user: { id: user.id, email: user.email, name: user.name, createdAt: user.created_at },
  });
});

app.get('/api/sessions/current', authenticated, (req, res) => {
  res.json({ id: req.session.id, createdAt: req.session.createdAt, current: true });
});

app.get('/api/users/me/registrations', authenticated, async (req, res) => {
  const limit = Math.min(Number(req.query.limit || 20), 100);
  const { rows } = await pool.query(
    `select r.id, r.tournament_id, r.status, r.created_at, t.name, t.starts_at
     from registrations r join tournaments t on t.id = r.tournament_id
     where r.user_id = $1 and r.status <> 'Cancelled' order by r.id desc limit $2`,
    [req.session.userId, limit],
  );
  const items = rows.map((row) => ({
    id: row.id,
    tournamentId: row.tournament_id,
    status: row.status,
    createdAt: row.created_at,
    tournamentName: row.name,
    startsAt: row.starts_at,
  }));
  res.json({ items, nextCursor: null });
});

// Everything that happens to one tournament happens one after the other, under the lock on its row.
async function locked(id, work) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query('select * from tournaments where id = $1 for no key update', [id]);
    if (rows.length === 0) throw new Problem(404, 'Not found', 'there is no such tournament');
    const result = await work(client, rows[0]);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const own = `select id, status, created_at from registrations
  where tournament_id = $1 and user_id = $2 and status <> 'Cancelled'`;

app.post('/api/tournaments/:id/registrations', authenticated, async (req, res) => {
  const { id } = req.params;
  const made = await locked(id, async (client, row) => {
    const { rows } = await client.query(own, [id, req.session.userId]);
    if (rows.length > 0) return rows[0];
    if (row.status === 'Cancelled') throw new Problem(409, 'Conflict', 'the tournament is cancelled');
    const status = row.seats_taken < row.seats ? 'Registered' : 'Waiting';
    const inserted = await client.query(
      `insert into registrations (id, tournament_id, user_id, status, position, created_at)
       values ($1, $2, $3, $4, $5, now()) returning id, status, created_at`,
      [randomUUID(), id, req.session.userId, status, row.next_position],
    );
    await client.query(
      `update tournaments set ${status === 'Waiting' ? 'waiting = waiting + 1' : 'seats_taken = seats_taken + 1'},
       next_position = next_position + 1 where id = $1`,
      [id],
    );
    return inserted.rows[0];
  });
  await redis.del(`node:tournament:${id}`);
  res.status(201).json({ id: made.id, tournamentId: id, status: made.status, createdAt: made.created_at });
});

app.delete('/api/tournaments/:id/registrations/me', authenticated, async (req, res) => {
  const { id } = req.params;
  await locked(id, async (client) => {
    const { rows } = await client.query(own, [id, req.session.userId]);
    if (rows.length === 0) throw new Problem(404, 'Not found', 'you are not registered');
    const waits = rows[0].status === 'Waiting';
    await client.query(`update registrations set status = 'Cancelled' where id = $1`, [rows[0].id]);
    await client.query(
      `update tournaments set ${waits ? 'waiting = waiting - 1' : 'seats_taken = seats_taken - 1'} where id = $1`,
      [id],
    );
    if (!waits) await client.query('select fill_seats($1)', [id]);
  });
  await redis.del(`node:tournament:${id}`);
  res.status(204).end();
});

app.use((error, req, res, next) => {
  const status = error.status || 500;
  if (status === 500) console.error(error);
  res.status(status).type('application/problem+json').json({
    type: 'about:blank',
    title: error.title || 'Error',
    status,
    detail: error.detail || error.message,
  });
});

app.listen(Number(PORT), process.env.LISTEN_ADDRESS || '127.0.0.1');
