"""The words of docs/benchmarks.md; the figures in braces come from a run."""

from typing import Final

HEAD: Final = """# Benchmarks

Every figure on this page was written by `make bench`; `benchmarks/latest.json` holds the goals with each
round. What is measured is the whole product from outside, with everything switched on: a worker process as
it runs in earnest, a newsroom's database, an issue whose personalised mail is 30 KB, and Debian's
`smtp-sink` as the relay.

    make bench                                    # everything, some 25 minutes on two quiet cores
    make bench BENCH=--quick                      # small sizes, a few minutes; shows a direction
    make bench BENCH='--only speed'               # one section, by the name in the table

"""
METHOD: Final = """
## How it is measured

- **Ratios before rates.** A shared machine is two or three times faster in one minute than in the next. So
  the variants run one after the other in every round, each is compared with the yardstick of its own
  round, and the median of the rounds counts. The tables show the least and the most beside it.
- **The yardstick** is Postfix's own load generator, written in C: `smtp-source -s 10 -d`, ten sessions that
  stay open, into `smtp-sink`, with messages of the same size. The two programs are unpacked from Debian's
  package into a folder; Postfix is neither installed nor started. smtp-source does not pipeline, so a
  ratio above 1 is possible. It neither composes, nor signs, nor keeps books.
- **A rate** is what the receiver saw, from its first message to its last, by smtp-sink's own counter.
- **CPU** is the user and system time of the worker process and its children in `/proc`, for the whole
  issue from the press on "Send" to the state "sent", divided by the messages. The database server's time
  is told apart; SQLite's is the worker's own.
- **After every run the books must balance:** every reader accepted, and the sink's count the same. A run
  that lost or repeated a message stops the benchmark.
- **SQLite** is one file on the disk. **PostgreSQL** is a private server with `fsync`, `synchronous_commit`
  and `full_page_writes` on, on the same machine and the same disk.
- **The message:** Markdown laid out as HTML and text, name, unsubscribe link, List-Unsubscribe with one
  click, Feedback-ID, a return path of its own (VERP). Readers have names in several scripts and addresses
  at 5,000 domains. "Signed" means two DKIM signatures, RSA-2048 and Ed25519.
- **Where time goes** is told by a profile of each thread's CPU time in a run of its own. A profile makes
  every call dearer; that price is taken off again, the same for every call, so that what is left is the cost
  measured without a profile.
"""
SPEED: Final = """
## Speed

Messages a second, each variant in every round. The naive pipeline is what one writes first: a Jinja
template, an `EmailMessage`, dkimpy and smtplib for each reader; it keeps no books.

"""
SIGNATURE: Final = """
One RSA-2048 signature costs {alone} µs of a core while the others rest, and {busy} µs while all of them sign;
so a sender that signs cannot go beyond {most} messages a second and core here, even if nothing else cost
anything. Sink, sender and database share the machine's cores: what they cost together is what limits the
rate, and where two of the cores are one core's two threads, all of it costs more than it would alone.

"""
SCALE: Final = """
## Size

One issue, unsigned, on {store}. The cost holds everything from the press on "Send" to the state "sent":
writing the audience down, sending, and closing the books. Memory is the worker's peak. The largest audience
is sent once, the smallest in every round.

"""
FIRST: Final = """
## First message

Seconds from the press on "Send" (the desk's own POST, undo window off) to the first of {recipients} signed
messages at the relay; the worker was idle.

"""
LATENCY: Final = """
## Sign-ups while an issue goes out

Milliseconds of a sign-up's POST, {posts} a second at an even pace, with two web processes as `make run`
starts them: with an idle worker, and while it sends a signed issue as fast as it can on the same machine.
A post's time begins when it was due, so a stall is felt by all who would have come meanwhile.

"""
SIGNUPS: Final = """
## Sign-ups a second

The real form's POST beside a bare Flask view with the same form and one insert, both under the same gunicorn
(two processes, four threads each), answering wrk over {connections} connections in turn, on {store}; what is
answered is on the disk. Ours also counts the post against five limits, and wakes the worker, which takes the
form later and does not run here.

"""
PAGES: Final = """
## Editors' pages

All {pages} pages that links and searches lead to, asked for as a signed-in editor through the real
application: in a newsroom of {readers} readers and {deliveries} deliveries, and in one of 1,000 readers with
as many issues. The time is that of the whole answer; downloads are left out. The slowest, and those that grow
most:

"""
