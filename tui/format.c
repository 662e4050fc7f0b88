#include "tui/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *dash(char buf[FORMAT_CHARS])
{
    return strcpy(buf, "—");
}

const char *format_power(double v, char buf[FORMAT_CHARS])
{
    if (!isfinite(v))
        return dash(buf);
    if (v == 0)
        return strcpy(buf, "0");
    int e = (int)floor(log10(fabs(v)));
    double m = v / pow(10, e);
    if (fabs(m) >= 9.95) {
        m /= 10;
        e++;
    }
    snprintf(buf, FORMAT_CHARS, "%.1fe%d", m, e);
    return buf;
}

const char *format_value(double v, char buf[FORMAT_CHARS])
{
    double a = fabs(v);
    if (!isfinite(v))
        return dash(buf);
    if (a != 0 && (a < 1e-3 || a >= 99999.5))
        return format_power(v, buf);
    int digits = a >= 999.95    ? 0
                 : a >= 99.995  ? 1
                 : a >= 9.9995  ? 2
                 : a >= 0.99995 ? 3
                                : 4;
    snprintf(buf, FORMAT_CHARS, "%.*f", digits, v);
    return buf;
}

const char *format_count(double v, char buf[FORMAT_CHARS])
{
    static const char unit[] = " kMGTP";
    int u = 0;
    if (!isfinite(v))
        return dash(buf);
    while (fabs(v) >= 9999.5 && u < 5) {
        v /= 1000;
        u++;
    }
    if (u)
        snprintf(buf, FORMAT_CHARS, "%.*f%c", fabs(v) < 999.95, v, unit[u]);
    else
        snprintf(buf, FORMAT_CHARS, "%.0f", v);
    return buf;
}

const char *format_seconds(double s, char buf[FORMAT_CHARS])
{
    if (!isfinite(s) || s < 0)
        return dash(buf);
    if (s < 9.995)
        snprintf(buf, FORMAT_CHARS, "%.2f s", s);
    else if (s < 59.5)
        snprintf(buf, FORMAT_CHARS, "%.0f s", s);
    else if (s < 3599.5)
        snprintf(buf, FORMAT_CHARS, "%dm%02d", (int)(s + 0.5) / 60,
                 (int)(s + 0.5) % 60);
    else if (s < 86400)
        snprintf(buf, FORMAT_CHARS, "%dh%02d", (int)(s / 3600),
                 (int)(s / 60) % 60);
    else if (s < 86400e3)
        snprintf(buf, FORMAT_CHARS, "%dd%02dh", (int)(s / 86400),
                 (int)(s / 3600) % 24);
    else
        return dash(buf);
    return buf;
}

const char *format_whole_seconds(double s, char buf[FORMAT_CHARS])
{
    if (!(s >= 0 && s < 59.5))
        return format_seconds(s, buf);
    snprintf(buf, FORMAT_CHARS, "%.0f s", s);
    return buf;
}
