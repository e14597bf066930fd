create table scores (
    tournament_id uuid        not null references tournaments (id),
    user_id       uuid        not null references users (id),
    points        bigint      not null,
    updated_at    timestamptz not null,
    primary key (tournament_id, user_id)
);
create index scores_best_first on scores (tournament_id, points desc, updated_at);

-- Only the owner, only for players with a seat.
create function set_score(tournament uuid, asker uuid, player uuid, new_points bigint)
    returns table (outcome text, changed timestamptz) language plpgsql as $$
declare
    t tournaments;
    at timestamptz := now();
begin
    select * into t from tournaments where id = tournament;
    if not found then
        return query select 'NoSuchTournament', null::timestamptz;
    elsif t.owner_id is distinct from asker then
        return query select 'NotOwner', null::timestamptz;
    elsif t.status = 'Cancelled' then
        return query select 'Cancelled', null::timestamptz;
    elsif not exists (select 1 from registrations r
            where r.tournament_id = tournament and r.user_id = player and r.status = 'Registered') then
        return query select 'NotRegistered', null::timestamptz;
    else
        insert into scores (tournament_id, user_id, points, updated_at) values (tournament, player, new_points, at)
        on conflict (tournament_id, user_id) do update set points = excluded.points, updated_at = excluded.updated_at;
        return query select 'Done', at;
    end if;
end $$;
