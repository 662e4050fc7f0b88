/* serve FOLDER PORTFILE [norange] [cut N]: a web server for tests, on a free
 * port of this machine, whose number goes into PORTFILE. It serves the files of
 * a folder, from the middle too unless `norange`; `cut N`: an answer ends after
 * N bytes. It lives until its standard input is closed. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct server {
    const char *folder;
    bool no_range;
    long cut; /* 0: never */
};

static void answer(const struct server *s, int fd)
{
    char request[4096], name[256], path[1024], data[1 << 16], head[256];
    ssize_t n = read(fd, request, sizeof(request) - 1);
    request[n > 0 ? n : 0] = 0;
    const char *range = strstr(request, "Range: bytes=");
    long from = range && !s->no_range ? atol(range + 13) : 0;
    FILE *f = NULL;
    /* A path, or (to a proxy) all of an address. */
    const char *at = strchr(request, '/');
    if (!strncmp(request, "GET http://", 11))
        at = strchr(request + 11, '/');
    if (at && sscanf(at, "/%255s", name) == 1) {
        snprintf(path, sizeof(path), "%s/%s", s->folder, name);
        f = fopen(path, "rb");
    }
    long size = f ? (long)fread(data, 1, sizeof(data), f) : 0;
    const char *status =
        !f ? "404 Not Found"
        : range && !s->no_range
            ? from < size ? "206 Partial Content" : "416 Range Not Satisfiable"
            : "200 OK";
    long length = from < size ? size - from : 0;
    int h = snprintf(head, sizeof(head),
                     "HTTP/1.1 %s\r\nContent-Length: %ld\r\nConnection: "
                     "close\r\nContent-Range: bytes %ld-%ld/%ld\r\n\r\n",
                     status, length, from, size - 1, size);
    if (s->cut && length > s->cut)
        length = s->cut;
    if (write(fd, head, (size_t)h) != h ||
        write(fd, data + from, (size_t)length) != length)
        fprintf(stderr, "serve: the client is gone\n");
    if (f)
        fclose(f);
}

int main(int argc, char **argv)
{
    struct server s = {.folder = argv[1]};
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    for (int k = 3; k < argc; k++) {
        s.no_range = s.no_range || !strcmp(argv[k], "norange");
        if (!strcmp(argv[k], "cut") && k + 1 < argc)
            s.cut = atol(argv[k + 1]);
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (argc < 3 || fd < 0 || bind(fd, (struct sockaddr *)&a, size) < 0 ||
        listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) < 0) {
        perror("serve");
        return 1;
    }
    FILE *port = fopen(argv[2], "w");
    fprintf(port, "%d\n", ntohs(a.sin_port));
    fclose(port);
    for (;;) {
        struct pollfd p[] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
        char gone;
        if (poll(p, 2, -1) < 0 || (p[1].revents && read(0, &gone, 1) <= 0))
            return 0;
        if (p[0].revents & POLLIN) {
            int client = accept(fd, NULL, NULL);
            answer(&s, client);
            close(client);
        }
    }
}
