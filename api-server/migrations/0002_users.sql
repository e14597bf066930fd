-- Addresses are kept in lower case, so that one address is one user.
create table users (
    id            uuid        primary key,
    email         text        not null unique check (char_length(email) between 3 and 254),
    name          text        not null check (char_length(name) between 1 and 80),
    password_hash text        not null,
    created_at    timestamptz not null
);
