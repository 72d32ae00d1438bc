#include "stage/keys.h"
#include "base/term.h"
#include "stage/label.h"
#include "stage/terminal.h"
#include "stage/terminal_style.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

// Read by the signal handler below.
static struct termios saved;
static volatile sig_atomic_t alternate_screen;

static void restore_and_die(int signal_number)
{
    static const char leave[] = "\x1b[0m\x1b[?1049l";
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    if (alternate_screen && write(STDOUT_FILENO, leave, sizeof leave - 1) < 0) { /* nobody is left to tell */
    }
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

// One byte, or −1 after `milliseconds` (−1: wait for ever), or 4 (Ctrl-D) at the end.
static int read_byte(int milliseconds)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    for (;;) {
        int ready = poll(&input, 1, milliseconds);
        if (ready == 0) return -1;
        if (ready < 0 && errno == EINTR) continue;
        unsigned char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        return got == 1 ? byte : 4;
    }
}

// ESC [ C and ESC O C are arrows; the final byte of any other sequence (ECMA-48, §5.4: 0x40 to 0x7e) ends it.
static int read_escape(void)
{
    int byte = read_byte(50);
    if (byte < 0) return 27;
    if (byte != '[' && byte != 'O') return 0;
    do byte = read_byte(50);
    while (byte >= 0x20 && byte < 0x40);
    return byte == 'C' || byte == 'B' ? 'R' : byte == 'D' || byte == 'A' ? 'L' : 0;
}

static const int signals[] = { SIGTERM, SIGHUP, SIGINT };
static struct sigaction old_actions[COUNT_OF(signals)];

// Another mode of the terminal until mode_end, whatever ends the program meanwhile. False: this is no terminal.
static bool mode_begin(void (*change)(struct termios *mode))
{
    if (tcgetattr(STDIN_FILENO, &saved) != 0) return false;
    struct sigaction action = { .sa_handler = restore_and_die };
    for (size_t i = 0; i < COUNT_OF(signals); i++) sigaction(signals[i], &action, &old_actions[i]);
    struct termios mode = saved;
    change(&mode);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
    return true;
}

static void mode_end(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    for (size_t i = 0; i < COUNT_OF(signals); i++) sigaction(signals[i], &old_actions[i], NULL);
}

static void make_raw(struct termios *mode)
{
    mode->c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    mode->c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    mode->c_cc[VMIN] = 1;
    mode->c_cc[VTIME] = 0;
}

int keys_read(const char *prompt)
{
    Term term = term_open(stdout);
    fflush(stdout);
    if (!mode_begin(make_raw)) return 4; // before the prompt is there: no key that follows it is echoed
    style_dim(&term);
    printf("%.*s", (int)text_fit(prompt, term.width - 1), prompt);
    style_reset(&term);
    fflush(stdout);
    int key = read_byte(-1);
    if (key == 27) key = read_escape();
    mode_end();
    printf("\r%*s\r", text_width(prompt) < term.width - 1 ? text_width(prompt) : term.width - 1, "");
    fflush(stdout);
    return key;
}

// The terminal's own line editing, with Esc ending the line as Enter does.
static void let_escape_end(struct termios *mode) { mode->c_cc[VEOL] = 27; }

// What follows an Esc within 50 ms belongs to it: a key such as an arrow, which is given up with the line.
static void skip_escape(void)
{
    if (!mode_begin(make_raw)) return;
    read_escape();
    mode_end();
}

bool keys_line(const char *prompt, char *line, int size)
{
    bool is_terminal = mode_begin(let_escape_end);
    printf("  %s", prompt);
    fflush(stdout);
    int n = 0;
    char byte = 0;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) n = 0;
        if (got <= 0 || byte == '\n' || byte == 27) break;
        if (n + 1 < size) line[n++] = byte;
    }
    line[n] = '\0';
    if (is_terminal) mode_end();
    if (byte != 27) return n > 0;
    skip_escape();
    putchar('\n');
    return false;
}

void keys_page_code(const Exhibit *const *codes, int n)
{
    Arena arena = { 0 };
    int shown = 0, top = 0;
    alternate_screen = term_open(stdout).colors != TERM_MONO;
    if (alternate_screen) fputs("\x1b[?1049h", stdout);
    for (bool leave = false; !leave;) {
        Term term = term_open(stdout);
        int page = term.height > 6 ? term.height - 4 : 3;
        fputs(alternate_screen ? "\x1b[2J\x1b[H" : "\n", stdout);
        style_bold(&term);
        printf("  %s", label_fit(&arena, codes[shown]->title, term.width - 10));
        style_reset(&term);
        printf("  %d/%d\n\n", shown + 1, n);
        int lines = terminal_code(&term, codes[shown]->code.source, top, top + page);
        int percent = top + page < lines ? 100 * (top + page) / lines : 100;
        putchar('\n');
        int key = keys_read(arena_format(&arena, "  %d %%   space on, b back, n/p other source, q close", percent));
        if (key == ' ' || key == 'R' || key == '\r') top = top + page < lines ? top + page : top;
        if (key == 'b' || key == 'L') top = top > page ? top - page : 0;
        if (key == 'n' || key == 'p') shown = (shown + (key == 'n' ? 1 : n - 1)) % n, top = 0;
        leave = key == 'q' || key == 'k' || key == 27 || key == 3 || key == 4;
    }
    if (alternate_screen) fputs("\x1b[?1049l", stdout);
    fflush(stdout);
    alternate_screen = 0;
    arena_free(&arena);
}
