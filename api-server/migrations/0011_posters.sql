-- The newest poster of each tournament. The image itself is in the object store, under a key that is never used again.
create table posters (
    tournament_id uuid        primary key references tournaments (id),
    key           text        not null,
    created_at    timestamptz not null default now()
);
