#include "tui/style.h"

#include <string.h>

/* Ten steps of the map by bits. The indices of the 256-colour cube are those
 * nearest to the map of which lightness rises with every step, so that the
 * order is seen by everyone and on paper. Digits are black from `dark` on. */
static const struct {
    int cube[10];
    uint32_t rgb[10];
    int dark;
} map[] = {
    {{17, 53, 25, 242, 30, 36, 42, 150, 155, 227},
     {0x440154, 0x482878, 0x3e4a89, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779,
      0x6dcd59, 0xb4de2c, 0xfde725},
     5},
    {{232, 17, 239, 59, 242, 244, 137, 143, 185, 227},
     {0x00204d, 0x00336f, 0x39486b, 0x575c6d, 0x707173, 0x8a8779, 0xa69d75,
      0xc4b56c, 0xe4cf5b, 0xffea46},
     6},
};

static const struct style_look chrome[STYLE_BITS] = {
    [STYLE_PLAIN] = {-1, -1, false, false, false},
    [STYLE_DIM] = {-1, -1, false, true, false},
    [STYLE_BOLD] = {-1, -1, true, false, false},
    [STYLE_BORDER] = {-1, -1, false, true, false},
    [STYLE_FOCUS] = {6, -1, true, false, false},
    [STYLE_TITLE] = {-1, -1, true, false, false},
    [STYLE_KEY] = {6, -1, true, false, false},
    [STYLE_TAB] = {-1, -1, true, false, true},
    [STYLE_SELECTED] = {-1, -1, false, false, true},
    [STYLE_TRAIN] = {6, -1, false, false, false},
    [STYLE_VAL] = {3, -1, true, false, false},
    [STYLE_GOOD] = {2, -1, false, false, false},
    [STYLE_WARN] = {3, -1, false, false, false},
    [STYLE_ERROR] = {1, -1, true, false, false},
    [STYLE_MEASURED] = {2, -1, true, false, false},
    [STYLE_ESTIMATE] = {5, -1, false, false, false},
};

/* What yellow and cyan are on a bright background. */
static const int light[8] = {0, 1, 2, 5, 4, 5, 4, 7};

const char *style_theme_name(enum style_theme t)
{
    static const char *const names[STYLE_THEMES] = {
        "viridis", "cividis", "viridis-light", "cividis-light", "plain"};
    return names[t];
}

static bool is_light(enum style_theme t)
{
    return t == STYLE_VIRIDIS_LIGHT || t == STYLE_CIVIDIS_LIGHT;
}

/* The colours of bits. */
static int map_of(enum style_theme t)
{
    return t == STYLE_CIVIDIS || t == STYLE_CIVIDIS_LIGHT;
}

enum style_depth style_depth(int colors, const char *colorterm,
                             const char *no_color)
{
    if (colors < 8 || (no_color && *no_color))
        return STYLE_MONO;
    if (colors < 256)
        return STYLE_16;
    if (colorterm &&
        (!strcmp(colorterm, "truecolor") || !strcmp(colorterm, "24bit")))
        return STYLE_TRUE;
    return STYLE_256;
}

uint32_t style_rgb(enum style_theme t, int bits)
{
    return map[map_of(t)].rgb[bits];
}

struct style_look style_look(enum style s, enum style_theme t,
                             enum style_depth d)
{
    bool plain = d == STYLE_MONO || t == STYLE_PLAINEST;
    struct style_look k = {-1, -1, false, false, false};
    if (s >= STYLE_PAIR) {
        int pair = (int)(s - STYLE_PAIR);
        if (!plain && d >= STYLE_256) {
            k.fg = map[map_of(t)].cube[pair / 10];
            k.bg = map[map_of(t)].cube[pair % 10];
        }
        return k;
    }
    if (s >= STYLE_BITS) {
        int bits = (int)(s - STYLE_BITS);
        k.dim = bits == 0;
        if (!plain && d >= STYLE_256) {
            k.bg = map[map_of(t)].cube[bits];
            k.fg = bits < map[map_of(t)].dark ? 231 : 16;
            k.dim = false;
        }
        return k;
    }
    k = chrome[s];
    if (is_light(t) && k.fg >= 0)
        k.fg = light[k.fg];
    if (plain)
        k.fg = -1;
    return k;
}
