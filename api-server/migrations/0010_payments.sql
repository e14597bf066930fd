-- A payment has the id of the registration that it is for. What happens to it is decided by the program; here it is
-- applied in one piece, and only to the payment that the decision was made for.
create table payments (
    id              uuid        primary key references registrations (id),
    tournament_id   uuid        not null references tournaments (id),
    user_id         uuid        not null references users (id),
    amount          bigint      not null check (amount > 0),
    currency        text        not null,
    status          text        not null default 'Ordering' check (status in
        ('Ordering', 'Awaiting', 'Paid', 'Expired', 'Withdrawn', 'Failed', 'RefundDue', 'Refunded')),
    order_id        text        unique,
    capture         text,
    returned        text[]      not null default '{}',
    expires_at      timestamptz,
    created_at      timestamptz not null default now()
);
create index payments_of_tournament on payments (tournament_id);

-- The outbox: what is still to be done at the gateway. Written in the transaction that makes it necessary, and deleted
-- when it is done, so that no crash in between loses it.
create table payment_tasks (
    id         bigint      generated always as identity primary key,
    payment_id uuid        not null references payments (id),
    kind       text        not null check (kind in ('Order', 'Settle', 'Withdraw', 'Refund')),
    capture    text        not null default '',
    attempts   integer     not null default 0,
    due_at     timestamptz not null default now(),
    unique (payment_id, kind, capture)
);
create index payment_tasks_due on payment_tasks (due_at);

-- The gateway's messages that were heard, so that each counts once.
create table payment_messages (
    id          text        primary key,
    received_at timestamptz not null default now()
);
create index payment_messages_by_age on payment_messages (received_at);

create function payment_of_registration() returns trigger language plpgsql as $$
begin
    if new.status = 'AwaitingPayment' then
        insert into payments (id, tournament_id, user_id, amount, currency)
            select new.id, new.tournament_id, new.user_id, t.entry_fee_minor, t.entry_fee_currency
            from tournaments t where t.id = new.tournament_id
            on conflict (id) do nothing;
        insert into payment_tasks (payment_id, kind) values (new.id, 'Order') on conflict do nothing;
    elsif new.status = 'Cancelled' then
        insert into payment_tasks (payment_id, kind)
            select p.id, 'Withdraw' from payments p
            where p.id = new.id and p.status in ('Ordering', 'Awaiting', 'Paid')
            on conflict do nothing;
    end if;
    return null;
end $$;
create trigger registrations_have_payments after insert or update of status on registrations
    for each row execute function payment_of_registration();

create function payments_of_cancelled_tournament() returns trigger language plpgsql as $$
begin
    insert into payment_tasks (payment_id, kind)
        select p.id, 'Withdraw' from payments p
        where p.tournament_id = new.id and p.status in ('Ordering', 'Awaiting', 'Paid')
        on conflict do nothing;
    return null;
end $$;
create trigger cancelled_tournaments_pay_back after update of status on tournaments
    for each row when (old.status <> 'Cancelled' and new.status = 'Cancelled')
    execute function payments_of_cancelled_tournament();

-- Applies a decision if the payment is as it was when the decision was made. `message` is the gateway's message that led
-- to it, if one did. Whatever moves seats locks the tournament's row first, here as everywhere.
create function apply_payment(
    payment uuid, seen_status text, seen_capture text, next_status text, next_order text, next_capture text,
    seat text, refund text, message text
) returns text language plpgsql as $$
declare
    p payments;
begin
    if seat <> 'Keep' then
        perform 1 from tournaments t join payments q on q.tournament_id = t.id where q.id = payment for no key update of t;
    end if;
    select * into p from payments where id = payment for no key update;
    if not found or p.status <> seen_status or p.capture is distinct from seen_capture or refund = any (p.returned) then
        return 'Changed';
    end if;
    if message is not null then
        insert into payment_messages (id) values (message) on conflict do nothing;
        if not found then
            return 'Duplicate';
        end if;
    end if;
    update payments set
        status = next_status,
        order_id = coalesce(next_order, order_id),
        capture = coalesce(next_capture, capture),
        returned = case when refund is null then returned else returned || refund end
        where id = payment;
    if seat = 'Confirm' then
        update registrations set status = 'Registered' where id = payment and status = 'AwaitingPayment';
    elsif seat = 'Release' then
        update registrations set status = 'Cancelled' where id = payment and status = 'AwaitingPayment';
        if found then
            update tournaments set seats_taken = seats_taken - 1 where id = p.tournament_id;
            perform fill_seats(p.tournament_id) from tournaments t where t.id = p.tournament_id and t.status = 'Open';
        end if;
    end if;
    if refund is not null then
        insert into payment_tasks (payment_id, kind, capture) values (payment, 'Refund', refund) on conflict do nothing;
    end if;
    return 'Done';
end $$;
