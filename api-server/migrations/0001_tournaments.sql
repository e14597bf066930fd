-- The newest tournament has the greatest id (UUID version 7), so the primary key is also the order of the list.
create table tournaments (
    id         uuid        primary key,
    name       text        not null check (char_length(name) between 1 and 120),
    game       text        not null check (char_length(game) between 1 and 60),
    seats      integer     not null check (seats between 2 and 100000),
    starts_at  timestamptz not null,
    created_at timestamptz not null
);
