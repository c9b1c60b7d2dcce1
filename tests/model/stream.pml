/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream between one member's client and the server, over what Janus really gives:
 *
 * - handles (peers), of which the client gives one up and takes the next, while the server may notice much later, or first;
 * - a pool that runs the requests of a peer in any order, also long after its client has given it up;
 * - a pipe of pushes per peer, in order, which may still deliver after that, and loses all of it when its transport breaks;
 * - replies that are not ordered with the pushes, and are lost in the same way.
 *
 * Every process is a loop of guarded steps: of the client, of the server running one thing of one peer's pool, of the others
 * in the room. All that can happen is counted, so every run ends; where nothing more can happen, the judge looks whether
 * everything was delivered and answered, so that nobody is stuck. The assertions in between are the other promises.
 *
 * Each rule that the promises need can be taken away with -DNO_…; model.test.mjs shows that the model fails without it. What
 * goes wrong then is a run of which each step is printed, behind a >; those runs are in traces/, and tests/unit/check_model.c
 * takes the code along them. */

#ifndef PEERS
#define PEERS 3    /* handles that the client may attach, one after the other, the last for its second life */
#endif
#ifndef REQUESTS
#define REQUESTS 2 /* numbered requests before it leaves */
#endif
#ifndef SIGNALS
#define SIGNALS 3  /* what others send to it, in its first life; one in the second */
#endif
#ifndef CLAIMS
#define CLAIMS 1   /* times that the transport breaks and the client takes up the same handle again */
#endif
#ifndef LIMITED
#define LIMITED 1  /* times that a rate limit refuses a request */
#endif
#ifndef LIVES
#define LIVES 1    /* 2: the client leaves, and joins once more */
#endif
#define ROSTER 1   /* events that cannot be refused, such as somebody's joining */
#define SOFT 2     /* backlog from which on signals are refused: three quarters of max_backlog */
#define HARD 3     /* backlog that ends a membership: max_backlog */
#define LEAVE (REQUESTS + 1)
#define EVENTS 5   /* more than any life has */
#define PIPE 12

/* Answers to a numbered request */
#define NONE 0
#define GOOD 1
#define RATE 2     /* rate_limited: the number is not used */
#define LOST 3     /* room_not_set, answer_gone: not the answer that it got when it took effect */
#define EVENT 0    /* pushed: an event, or … */
#define REPLACED 1 /* … that another peer took the membership over */

/* The client */
byte life = 1, current, attempt, got;
bool open;                        /* it has the answer to its last join */
bool outstanding[LEAVE + 1];      /* sent on this peer, not answered */
byte answered[LEAVE + 1];
byte claims;
bool given_up, finished;

/* The network: what was sent on a peer and has not been run, what was answered, what was pushed */
byte pool_join[PEERS + 1], pool_join_ack[PEERS + 1], reply_join[PEERS + 1];
typedef numbers { byte copies[LEAVE + 1]; byte life[LEAVE + 1]; byte reply[LEAVE + 1] }
numbers pool[PEERS + 1];
typedef acks { bool sent[EVENTS + 1] }
acks pool_ack[PEERS + 1];
chan pipe[PEERS + 1] = [PIPE] of { byte, byte };
bool attached[PEERS + 1];

/* The server: one membership, or none */
byte server_life;                 /* whose it is, 0 if there is none */
byte holder;                      /* its peer, 0 while it is away */
byte last_attempt, done, kept[LEAVE + 1], waiting[LEAVE + 1], last, acked, cursor[PEERS + 1], limited, lives;
bool used[PEERS + 1];

/* The others */
byte sent, told;


#define EVERYBODY_HEARD (sent == (life == 1 -> SIGNALS : 1) && told == (life == 1 -> ROSTER : 0))
/* Whether the client may still lose its peer. Not while it leaves: nobody comes back to do that. */
#define LEAVING (outstanding[LEAVE] && life == 1)
#define SPARE (current < PEERS - LIVES + life && !LEAVING)
#ifdef NO_CURRENT /* the client believes former peers too */
#define BELIEVED(peer) (peer <= current && open)
#else
#define BELIEVED(peer) (peer == current && open)
#endif
#ifdef NO_KEEPING /* the client takes events while it waits for the answer to its join */
#define READABLE(peer) (peer == current)
#else
#define READABLE(peer) BELIEVED(peer)
#endif

inline forget_replies(peer) {
	reply_join[peer] = 0;
	for (i : 1 .. LEAVE) { pool[peer].reply[i] = NONE }
	do
	:: len(pipe[peer]) > 0 -> pipe[peer]?_,_
	:: len(pipe[peer]) == 0 -> break
	od;
	i = 0
}

/* The client says who it is, and what it has; whatever has no answer will be sent again. */
inline send_join(peer) {
	attempt++;
	open = false;
	pool_join[peer] = attempt;
	pool_join_ack[peer] = got;
#ifndef NO_RESEND
	for (i : 1 .. LEAVE) { outstanding[i] = false }
	i = 0
#endif
}

/* What is nearest to being sent: the first request that is neither answered nor on its way. */
#define TO_SEND(number) (answered[number] == NONE && !outstanding[number])

#define HAS_ALL (answered[1] == GOOD && answered[2] == GOOD && EVERYBODY_HEARD && got == sent + told)

proctype client() {
	byte i;
end:	do
	:: d_step { !given_up && !finished && SPARE ->
			/* Its first join; or its peer is gone, or it thinks so: it comes back on another one. */
			current++;
			attached[current] = true;
			printf("> attach %d\n", current);
			send_join(current)
		}
	:: d_step { !given_up && !finished && open && attached[current] && claims < CLAIMS && !LEAVING ->
			/* The transport broke, and Janus gave the same handle to a new one: what was on its way is lost. */
			claims++;
			printf("> claim %d\n", current);
			forget_replies(current);
			send_join(current)
		}
	:: d_step { !given_up && current > 0 && reply_join[current] == 1 ->
			reply_join[current] = 0;
			printf("> read_join %d\n", current);
			open = (pool_join[current] == 0) /* else that was the answer to an earlier one */
		}
	:: d_step { !given_up && open && attached[current] && (TO_SEND(1) || TO_SEND(2)) ->
			i = (TO_SEND(1) -> 1 : 2);
			printf("> send %d %d\n", current, i);
			pool[current].copies[i]++;
			pool[current].life[i] = life;
			outstanding[i] = true;
			i = 0
		}
	:: d_step { !given_up && open && attached[current] && TO_SEND(LEAVE) && LIVES == 2 && HAS_ALL && life == 1 ->
			/* It leaves when there is nothing more to come. */
			printf("> send %d %d\n", current, LEAVE);
			pool[current].copies[LEAVE]++;
			pool[current].life[LEAVE] = life;
			outstanding[LEAVE] = true
		}
	:: d_step { !finished && open && HAS_ALL && life == LIVES -> finished = true }
	od
}

/* The client's second life: nothing of the first one is asked for any more. */
inline live_again() {
	life = 2; got = 0; attempt = 0; sent = 0; told = 0;
	for (i : 1 .. LEAVE) { answered[i] = NONE; outstanding[i] = false }
	i = 0;
#ifdef NO_NEW_PEER /* a handle may be used for another membership */
	used[current] = false;
#else
	current = PEERS;
	attached[current] = true;
#endif
	send_join(current)
}

proctype read_answer(byte p; byte n) {
	byte i;
end:	do
	:: d_step { !given_up && BELIEVED(p) && pool[p].reply[n] != NONE ->
			i = pool[p].reply[n];
			pool[p].reply[n] = NONE;
			printf("> read_answer %d %d\n", p, n);
			if
			:: i == RATE && answered[n] == NONE -> outstanding[n] = false; assert(done < n)
			:: i != RATE && answered[n] == NONE ->
				answered[n] = (n == LEAVE -> GOOD : i); /* there is no room to leave any more: that is what it wanted */
				assert(answered[n] == GOOD);
				if
				:: n == LEAVE -> live_again()
				:: else
				fi
			:: answered[n] != NONE
			fi;
			i = 0
		}
	od
}

proctype read_push(byte p) {
	byte i, n, kind;
end:	do
	:: d_step { !given_up && READABLE(p) && len(pipe[p]) > 0 ->
			pipe[p]?kind,n;
			printf("> read_push %d\n", p);
			if
			:: kind == REPLACED -> given_up = true
			:: kind == EVENT && n == got + 1 ->
				got = n;
#ifndef NO_ACK
				pool_ack[current].sent[got] = true
#endif
			:: kind == EVENT && n <= got
			:: kind == EVENT && n > got + 1 -> send_join(current) /* a gap: what is missing once more, on the same peer */
			fi;
			n = 0; kind = 0
		}
	od
}

/* A number takes effect on the server. */
inline effect(peer, number, of_life) {
	assert(number == done + 1);      /* in order, once each */
	assert(of_life == server_life);    /* and never in the name of a later membership */
	done = number;
	kept[number] = GOOD;
	pool[peer].reply[number] = GOOD;
	if
	:: number == LEAVE ->
		server_life = 0; holder = 0; used[peer] = true;
		done = 0; last = 0; acked = 0; last_attempt = 0; cursor[peer] = 0;
		for (j : 1 .. LEAVE) { waiting[j] = 0; kept[j] = NONE }
		j = 0
	:: else
	fi
}

inline drop_waiting() {
	for (i : 1 .. LEAVE) { waiting[i] = 0 }
	i = 0
}

proctype run_number(byte p; byte n) {
	byte i, j, whose;
end:	do
	:: atomic { attached[p] && pool[p].copies[n] > 0 ->
			pool[p].copies[n]--;
			printf("> run %d %d\n", p, n);
			if
			:: holder != p -> pool[p].reply[n] = LOST /* room_not_set */
#ifdef NO_ORDER
			:: holder == p && n > done -> effect(p, n, pool[p].life[n])
#else
			:: holder == p && n > done + 1 -> waiting[n] = pool[p].life[n]
			:: holder == p && n == done + 1 && limited < LIMITED ->
				limited++;
				printf("> limited\n"); /* that request, by its rate */
				pool[p].reply[n] = RATE;
#ifdef NO_UNUSED /* a limit uses the number up */
				done = n;
				kept[n] = RATE
#endif
			:: holder == p && n == done + 1 ->
				effect(p, n, pool[p].life[n]);
				do
				:: server_life != 0 && done < LEAVE && waiting[done + 1] != 0 ->
					i = done + 1;
					whose = waiting[i];
					waiting[i] = 0;
					effect(p, i, whose);
					i = 0; whose = 0
				:: !(server_life != 0 && done < LEAVE && waiting[done + 1] != 0) -> break
				od
#endif
#ifdef NO_ONCE
			:: holder == p && n <= done -> effect(p, n, pool[p].life[n])
#else
#ifdef NO_KEPT
			:: holder == p && n <= done -> pool[p].reply[n] = LOST
#else
			:: holder == p && n <= done -> pool[p].reply[n] = kept[n]
#endif
#endif
			fi
		}
	od
}

/* Without the rule, a try that was overtaken by a later one takes the membership back. */
#ifdef NO_ATTEMPT
#define SUPERSEDED(tried) false
#else
#define SUPERSEDED(tried) (server_life != 0 && tried <= last_attempt)
#endif

proctype run_join(byte p) {
	byte i, tried;
end:	do
	:: d_step { attached[p] && pool_join[p] != 0 ->
			tried = pool_join[p];
			pool_join[p] = 0;
			printf("> run_join %d\n", p);
			if
			:: (holder != p && used[p]) || SUPERSEDED(tried) -> reply_join[p] = 2 /* peer_used, superseded */
			:: !(holder != p && used[p]) && !SUPERSEDED(tried) ->
				if
				:: server_life == 0 -> /* fresh */
					assert(pool_join_ack[p] == 0 && lives < 2);
					lives++;
					server_life = lives;
					cursor[p] = 0
				:: server_life != 0 ->
					assert(pool_join_ack[p] >= acked); /* else events_gone, to a client that lost nothing */
					acked = pool_join_ack[p];
#ifdef NO_REPLAY
					cursor[p] = last
#else
					cursor[p] = acked
#endif
				fi;
				if
				:: holder != 0 && holder != p -> pipe[holder]!REPLACED,0; used[holder] = true
				:: else
				fi;
				if
				:: holder != p -> drop_waiting()
				:: else
				fi;
				holder = p;
				last_attempt = tried;
				reply_join[p] = 1
			fi;
			tried = 0
		}
	od
}

proctype run_ack(byte p; byte n) {
end:	do
	:: d_step { attached[p] && pool_ack[p].sent[n] ->
			pool_ack[p].sent[n] = false;
			printf("> run_ack %d %d\n", p, n);
			if
			:: holder == p && n > acked -> assert(n <= last); acked = n
			:: else /* a late one says nothing new, one of a former peer nothing at all */
			fi
		}
	od
}

proctype push(byte p) {
end:	do
	:: d_step { holder == p && attached[p] && cursor[p] < last && len(pipe[p]) < PIPE - 1 ->
			cursor[p]++;
			printf("> push %d\n", p);
			pipe[p]!EVENT,cursor[p]
		}
	od
}

/* The server notices that a peer is gone, be it long given up or its client still there. */
proctype detach(byte p) {
	byte i;
end:	do
	:: d_step { attached[p] && (p < current || (p == current && SPARE)) ->
			attached[p] = false;
			printf("> detach %d\n", p);
			forget_replies(p);
			pool_join[p] = 0;
			for (i : 1 .. LEAVE) { pool[p].copies[i] = 0 }
			for (i : 1 .. EVENTS) { pool_ack[p].sent[i] = false }
			i = 0;
			if
#ifdef NO_HOLDER /* whichever of its peers ends, the member is away */
			:: holder != p && used[p] -> holder = 0
			:: holder != p && !used[p]
#else
			:: holder != p
#endif
			:: holder == p -> holder = 0; drop_waiting()
			fi
		}
	od
}

inline append() {
	assert(last - acked < HARD);     /* else what somebody else does would remove this member */
	last++
}

/* Else it is refused with recipient_full, and its sender tries again. */
#ifdef NO_REFUSAL
#define TAKES_SIGNALS true
#else
#ifdef NO_RESERVE
#define TAKES_SIGNALS (last - acked < HARD)
#else
#define TAKES_SIGNALS (last - acked < SOFT)
#endif
#endif

proctype others() {
end:	do
	:: d_step { server_life == life && sent < (life == 1 -> SIGNALS : 1) && TAKES_SIGNALS -> printf("> signal\n"); sent++; append() }
	:: d_step { server_life == 1 && life == 1 && told < ROSTER -> printf("> tell\n"); told++; append() }
	od
}

proctype judge() {
	timeout -> assert(finished)
}

init {
	byte p, n;
	atomic {
		run client();
		run others();
		run judge();
		for (p : 1 .. PEERS) {
			run read_push(p);
			run run_join(p);
			run push(p);
			run detach(p);
			for (n : 1 .. LEAVE) { run read_answer(p, n); run run_number(p, n) }
			for (n : 1 .. EVENTS) { run run_ack(p, n) }
		}
		p = 0; n = 0
	}
}
