-- Seats are counted in the tournament's own row: whoever registers or cancels locks that row, so the count is exact, and
-- the constraint would stop a program that counts wrongly. Room is left in each page, so that counting moves no row.
alter table tournaments
    add column owner_id           uuid    references users (id),
    add column status             text    not null default 'Open' check (status in ('Open', 'Cancelled')),
    add column seats_taken        integer not null default 0,
    add column waiting            integer not null default 0 check (waiting >= 0),
    add column next_position      bigint  not null default 1,
    add column entry_fee_minor    bigint  check (entry_fee_minor > 0),
    add column entry_fee_currency text,
    add constraint tournaments_never_oversold check (seats_taken between 0 and seats),
    add constraint tournaments_fee_is_whole check ((entry_fee_minor is null) = (entry_fee_currency is null));
alter table tournaments set (fillfactor = 80);
create index tournaments_of_game on tournaments (game, id desc);

-- A cancelled registration is kept: payments refer to it.
create table registrations (
    id            uuid        primary key,
    tournament_id uuid        not null references tournaments (id),
    user_id       uuid        not null references users (id),
    status        text        not null check (status in ('Registered', 'AwaitingPayment', 'Waiting', 'Cancelled')),
    position      bigint      not null,
    created_at    timestamptz not null
);
create unique index registrations_once_per_user on registrations (tournament_id, user_id) where status <> 'Cancelled';
create unique index registrations_in_order on registrations (tournament_id, position) where status <> 'Cancelled';
create index registrations_waiting on registrations (tournament_id, position) where status = 'Waiting';
create index registrations_of_user on registrations (user_id, id desc);

-- Free seats go to those who wait, in the order of arrival. The caller holds the lock on the tournament's row.
create function fill_seats(tournament uuid) returns void language plpgsql as $$
declare
    moved integer;
begin
    with free as (
        select t.seats - t.seats_taken as seats, t.entry_fee_minor is null as is_gratis from tournaments t where t.id = tournament
    ), next as (
        select r.id from registrations r
        where r.tournament_id = tournament and r.status = 'Waiting'
        order by r.position limit (select greatest(free.seats, 0) from free)
    ), seated as (
        update registrations r
        set status = case when (select free.is_gratis from free) then 'Registered' else 'AwaitingPayment' end
        from next where r.id = next.id
        returning r.id
    )
    select count(*) into moved from seated;
    if moved > 0 then
        update tournaments t set seats_taken = t.seats_taken + moved, waiting = t.waiting - moved where t.id = tournament;
    end if;
end $$;

-- Each statement of a function sees what was committed when it began, so after the lock everything is up to date: all
-- that happens to one tournament happens one after the other, in one round trip each.
create function register_for(tournament uuid, player uuid, new_id uuid)
    returns table (outcome text, registration uuid, standing text, place bigint, arrived timestamptz) language plpgsql as $$
declare
    t tournaments;
    r registrations;
begin
    select * into t from tournaments where id = tournament for no key update;
    if not found then
        return query select 'NoSuchTournament', null::uuid, null::text, null::bigint, null::timestamptz;
        return;
    end if;
    select * into r from registrations
        where tournament_id = tournament and user_id = player and status <> 'Cancelled';
    if found then
        return query select 'Already', r.id, r.status,
            case when r.status = 'Waiting' then
                (select count(*) from registrations w
                 where w.tournament_id = tournament and w.status = 'Waiting' and w.position <= r.position) end,
            r.created_at;
        return;
    end if;
    if t.status = 'Cancelled' or t.starts_at <= now() or (t.seats_taken >= t.seats and t.waiting >= 100000) then
        return query select
            case when t.status = 'Cancelled' then 'Cancelled' when t.starts_at <= now() then 'Started' else 'WaitingListFull' end,
            null::uuid, null::text, null::bigint, null::timestamptz;
        return;
    end if;
    insert into registrations (id, tournament_id, user_id, status, position, created_at)
    values (new_id, tournament, player,
        case when t.seats_taken >= t.seats then 'Waiting' when t.entry_fee_minor is null then 'Registered' else 'AwaitingPayment' end,
        t.next_position, now())
    returning * into r;
    update tournaments set
        seats_taken = seats_taken + (r.status <> 'Waiting')::integer,
        waiting = waiting + (r.status = 'Waiting')::integer,
        next_position = next_position + 1
        where id = tournament;
    return query select 'Made', r.id, r.status,
        case when r.status = 'Waiting' then t.waiting + 1::bigint end, r.created_at;
end $$;

create function unregister_from(tournament uuid, player uuid) returns text language plpgsql as $$
declare
    t tournaments;
    r registrations;
begin
    select * into t from tournaments where id = tournament for no key update;
    if not found then
        return 'NoSuchTournament';
    end if;
    select * into r from registrations
        where tournament_id = tournament and user_id = player and status <> 'Cancelled';
    if not found then
        return 'NotRegistered';
    end if;
    if t.starts_at <= now() then
        return 'Started';
    end if;
    update registrations set status = 'Cancelled' where id = r.id;
    update tournaments set
        seats_taken = seats_taken - (r.status <> 'Waiting')::integer,
        waiting = waiting - (r.status = 'Waiting')::integer
        where id = tournament;
    if r.status <> 'Waiting' and t.status = 'Open' then
        perform fill_seats(tournament);
    end if;
    return 'Done';
end $$;

-- Null leaves a field as it is.
create function update_tournament(tournament uuid, asker uuid, new_name text, new_game text, new_seats integer, new_start timestamptz)
    returns text language plpgsql as $$
declare
    t tournaments;
begin
    select * into t from tournaments where id = tournament for no key update;
    if not found then
        return 'NoSuchTournament';
    end if;
    if t.owner_id is distinct from asker then
        return 'NotOwner';
    end if;
    if t.status = 'Cancelled' then
        return 'Cancelled';
    end if;
    if t.starts_at <= now() then
        return 'Started';
    end if;
    if new_seats < t.seats_taken then
        return 'SeatsTaken';
    end if;
    update tournaments set
        name = coalesce(new_name, name),
        game = coalesce(new_game, game),
        seats = coalesce(new_seats, seats),
        starts_at = coalesce(new_start, starts_at)
        where id = tournament;
    perform fill_seats(tournament);
    return 'Done';
end $$;

create function cancel_tournament(tournament uuid, asker uuid) returns text language plpgsql as $$
declare
    t tournaments;
begin
    select * into t from tournaments where id = tournament for no key update;
    if not found then
        return 'NoSuchTournament';
    end if;
    if t.owner_id is distinct from asker then
        return 'NotOwner';
    end if;
    if t.status = 'Cancelled' then
        return 'Done';
    end if;
    if t.starts_at <= now() then
        return 'Started';
    end if;
    update tournaments set status = 'Cancelled' where id = tournament;
    return 'Done';
end $$;
