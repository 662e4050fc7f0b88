#include "tui/keys.h"

#include "tui/action.h"
#include "tui/console.h"
#include "tui/key.h"
#include "tui/layers.h"
#include "tui/line.h"
#include "tui/palette.h"

enum { WHEEL = 3 }; /* rows a notch */

static void key_asked(struct ui *ui, int key)
{
    if (key == 'y' || key == 'Y' || key == KEY_CTRL('C'))
        ui->quit = true;
    if (key == 'y' || key == 'Y' || key == 'n' || key == 'N' ||
        key == KEY_ESCAPE || key == KEY_CTRL('C') || key == 'q')
        ui->asks_quit = false;
}

void keys_press(struct ui *ui, int key)
{
    if (key == KEY_NONE)
        return;
    ui->note[0] = 0;
    if (ui->asks_quit) {
        key_asked(ui, key);
    } else if (ui->palette.open) {
        palette_key(ui, key);
    } else if (ui->typing) {
        line_key(ui, key);
    } else {
        ui->choices[0] = 0;
        if (console_types(ui) && edit_key(&ui->console.input, key))
            return;
        const struct action *a = action_of_key(key, ui->screen, &ui->bound);
        if (a && (!a->valid || a->valid(ui)))
            a->run(ui, "");
    }
}

/* ---- the mouse ---- */

/* A list's row: by moving there from the one selected. */
static void click_row(struct ui *ui, int row, bool twice)
{
    const struct ui_screen *s = ui_screen(ui->screen);
    if (!s->row)
        return;
    s->move(ui, row - s->row(ui), 0);
    if (twice)
        keys_press(ui, KEY_RETURN);
}

static void click(struct ui *ui, const struct spot *s, const struct mouse *m)
{
    bool twice = m->what == MOUSE_DOUBLE;
    switch (s->kind) {
    case SPOT_KEY:
        keys_press(ui, s->value);
        break;
    case SPOT_SCREEN:
        ui_turn(ui, (enum screen)s->value);
        break;
    case SPOT_ACTION:
        if (!actions[s->value].valid || actions[s->value].valid(ui))
            actions[s->value].run(ui, "");
        break;
    case SPOT_BOX:
        ui->focus = (enum dash_box)s->value;
        if (twice)
            keys_press(ui, KEY_RETURN);
        break;
    case SPOT_ROWS:
        click_row(ui, s->value + m->y - s->y, twice);
        break;
    case SPOT_CELLS:
        layers_click(ui, m->x - s->x, m->y - s->y);
        break;
    case SPOT_PALETTE:
        palette_pick(ui, s->value + m->y - s->y);
        break;
    case SPOT_NONE:
        break;
    }
}

void keys_mouse(struct ui *ui, const struct grid *g, const struct mouse *m)
{
    const struct spot *s = grid_spot(g, m->x, m->y);
    ui->note[0] = 0;
    if (m->what == MOUSE_UP || m->what == MOUSE_DOWN) {
        int by = m->what == MOUSE_UP ? -1 : 1;
        if (ui->palette.open)
            palette_key(ui, by < 0 ? KEY_ARROW_UP : KEY_ARROW_DOWN);
        else if (!ui->typing && !ui->asks_quit)
            action_move(ui, by * WHEEL);
    } else if (ui->palette.open && (!s || s->kind != SPOT_PALETTE)) {
        ui->palette.open = s && s->kind == SPOT_NONE;
    } else if (s && (!ui->asks_quit || s->kind == SPOT_KEY)) {
        ui->typing = false;
        click(ui, s, m);
    }
}
