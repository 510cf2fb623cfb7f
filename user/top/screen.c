// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "screen.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "../sink/term_priv.h"
#include "model.h"

#define ESCAPE_MS \
	50 /* an escape sequence comes within this, a lone Escape is taken for one after */
#define CAPABILITY_MAX 64

static volatile sig_atomic_t resized, stopped, continued;
static struct {
	SCREEN *screen;
	bool on; /* the terminal is taken */
	pid_t parent;
	struct termios saved;
	char leave[3 * CAPABILITY_MAX]; /* what a crash writes to give the terminal back */
	size_t n_leave;
	int error_fd; /* the real standard error while it is kept, -1 */
	int kept_fd;
} the = {.error_fd = -1, .kept_fd = -1};

/* --- standard error, while the screen is on */

static void keep_errors(void)
{
	if (!isatty(STDERR_FILENO))
		return;
	the.kept_fd = memfd_create("reqscope-stderr", MFD_CLOEXEC);
	the.error_fd = the.kept_fd >= 0 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) : -1;
	if (the.error_fd >= 0)
		dup2(the.kept_fd, STDERR_FILENO);
}

static void put_errors(void)
{
	char text[4096];
	ssize_t n;

	if (the.error_fd >= 0) {
		fflush(stderr);
		dup2(the.error_fd, STDERR_FILENO);
		close(the.error_fd);
		lseek(the.kept_fd, 0, SEEK_SET);
		while ((n = read(the.kept_fd, text, sizeof(text))) > 0)
			if (write(STDERR_FILENO, text, (size_t)n) != n)
				break;
	}
	if (the.kept_fd >= 0)
		close(the.kept_fd);
	the.error_fd = the.kept_fd = -1;
}

/* --- signals */

static void on_winch(int sig)
{
	(void)sig;
	resized = 1;
}

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static void on_cont(int sig)
{
	(void)sig;
	continued = 1;
}

/* Nothing of curses may be called here. The handler was reset before it ran (SA_RESETHAND). */
static void on_crash(int sig)
{
	if (the.on) {
		if (write(STDOUT_FILENO, the.leave, the.n_leave) < 0)
			the.on = false;
		tcsetattr(STDIN_FILENO, TCSANOW, &the.saved);
	}
	raise(sig);
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction old, act = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&act.sa_mask);
	if (!sigaction(sig, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(sig, &act, NULL);
}

/* Before curses has a look: it installs its own only where nobody else did. */
static void handle_signals(void)
{
	static const int crashes[] = {SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};

	handle(SIGWINCH, on_winch, SA_RESTART);
	handle(SIGTSTP, on_stop, SA_RESTART);
	handle(SIGCONT, on_cont, SA_RESTART);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		handle(crashes[i], on_crash, SA_RESETHAND);
}

/* --- open and close */

static bool has_capability(const char *name)
{
	const char *s = tigetstr(name);

	return s && s != (char *)-1;
}

static void note_capability(const char *name)
{
	size_t n = has_capability(name) ? strlen(tigetstr(name)) : 0;

	if (n > sizeof(the.leave) - the.n_leave)
		return;
	memcpy(the.leave + the.n_leave, n ? tigetstr(name) : "", n);
	the.n_leave += n;
}

static const char *unfit(void)
{
	const char *term = getenv("TERM");

	if (!term || !*term)
		return "TERM is not set";
	if (!the.screen)
		return "its type (TERM) is not known here";
	if (!has_capability("cup"))
		return "it cannot place a cursor";
	return NULL;
}

static void start_colours(bool colour)
{
	if (!colour || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	init_pair(STYLE_GREEN, COLOR_GREEN, -1);
	init_pair(STYLE_YELLOW, COLOR_YELLOW, -1);
	init_pair(STYLE_RED, COLOR_RED, -1);
	init_pair(STYLE_CYAN, COLOR_CYAN, -1);
}

static void set_modes(void)
{
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, TRUE);
	curs_set(0);
	if (!getenv("ESCDELAY"))
		set_escdelay(ESCAPE_MS);
}

/* What gives the terminal back, in case nothing else can any more. */
static void note_leave(void)
{
	static const char *const capabilities[] = {"sgr0", "cnorm", "rmkx", "rmcup"};

	the.n_leave = 0;
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++)
		note_capability(capabilities[i]);
}

int screen_open(bool colour, const char **why)
{
	*why = NULL;
	if (tcgetattr(STDIN_FILENO, &the.saved))
		return -errno;
	the.parent = getppid();
	handle_signals();
	fflush(stderr);
	the.screen = newterm(NULL, stdout, stdin);
	*why = unfit();
	if (*why) {
		if (the.screen)
			endwin();
		handle(SIGTSTP, SIG_DFL, 0); /* nobody will attend to it */
		return -ENOTTY;
	}
	note_leave();
	the.on = true;
	atexit(screen_close);
	keep_errors();
	set_modes();
	start_colours(colour);
	return 0;
}

void screen_close(void)
{
	if (!the.on)
		return;
	endwin();
	the.on = false;
	put_errors();
}

/* --- while it is on */

static void suspend(void)
{
	struct sigaction ours, standard = {.sa_handler = SIG_DFL};

	endwin();
	the.on = false;
	sigaction(SIGTSTP, &standard, &ours);
	raise(SIGTSTP);
	/* here it goes on after SIGCONT */
	sigaction(SIGTSTP, &ours, NULL);
	continued = 1;
}

static void take_size(void)
{
	struct winsize w = {0};

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row && w.ws_col)
		resizeterm(w.ws_row, w.ws_col);
}

bool screen_attend(void)
{
	bool anew = false;

	if (stopped) {
		stopped = 0;
		suspend();
	}
	if (continued) {
		continued = 0;
		if (!screen_is_ours()) /* bg: what reads or sets the terminal would stop it */
			return false;
		the.on = true;
		reset_prog_mode();
		curs_set(0);
		resized = 1; /* nobody tells a stopped program */
	}
	if (resized) {
		resized = 0;
		take_size();
		clearok(curscr, TRUE); /* terminals move what they show; curses thinks that it is where it was */
		anew = true;
	}
	return anew;
}

bool screen_is_ours(void)
{
	pid_t owner = tcgetpgrp(STDIN_FILENO);

	return owner == getpgrp() || (owner < 0 && errno == ENOTTY); /* no job control there */
}

bool screen_is_lost(void)
{
	struct pollfd p = {.fd = STDIN_FILENO};

	if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL))
		return true;
	return !screen_is_ours() && getppid() != the.parent;
}

void screen_spoilt(void)
{
	clearok(curscr, TRUE);
}

int screen_key(void)
{
	static const struct {
		int curses, ours;
	} keys[] = {
		{KEY_UP, M_UP},		{KEY_DOWN, M_DOWN},
		{KEY_PPAGE, M_PAGE_UP}, {KEY_NPAGE, M_PAGE_DOWN},
		{KEY_HOME, M_HOME},	{KEY_END, M_END},
		{KEY_ENTER, M_ENTER},	{'\r', M_ENTER},
		{'\n', M_ENTER},	{KEY_BACKSPACE, M_BACK},
		{'\b', M_BACK},		{127, M_BACK},
		{27, M_BACK},		{KEY_BTAB, M_BACKTAB},
		{KEY_F(1), 'h'},
	};
	int c = getch();

	if (c == ERR)
		return -1;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].curses == c)
			return keys[i].ours;
	return c < 256 ? c : 0; /* 0: a key that means nothing */
}
