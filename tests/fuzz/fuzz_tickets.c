/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "ticket.h"

/*
 * Tickets: bytes that came from anywhere, and contents that carry the right seal all the same, as
 * a key is a file and files get lost. What is opened is what was sealed, and sound.
 */
static struct ticket read_ticket(struct fuzz_input *input)
{
	struct ticket ticket = {0};
	struct waybuf_layout *layout = &ticket.layout;
	uint32_t *const numbers[] = {&ticket.epoch, &ticket.flags, &ticket.uid,
		&ticket.config_epoch, &ticket.config, &ticket.width, &ticket.height, &ticket.count,
		&ticket.index, &ticket.rank_epoch, &ticket.rank_generation, &layout->generation,
		&layout->width, &layout->height, &layout->format, &layout->n_planes,
		&layout->n_memory};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint8_t how = fuzz_u8(input);
		*numbers[i] = how == 255 ? fuzz_u32(input) : how;
	}
	/* what the sealing itself reads beyond must be there */
	layout->n_planes %= WAYBUF_MAX_PLANES + 1;
	ticket.slot = fuzz_u8(input) % WAYBUF_MAX_PLANES;
	layout->modifier = fuzz_u64(input);
	layout->memory[ticket.slot].kind = (enum waybuf_memory_kind)(fuzz_u8(input) % 4);
	layout->memory[ticket.slot].size = fuzz_u16(input);
	for (uint32_t i = 0; i < layout->n_planes; i++)
		layout->planes[i] = (struct waybuf_plane){
			fuzz_u8(input), fuzz_u16(input), fuzz_u16(input), fuzz_u16(input)};
	size_t size;
	const uint8_t *name = fuzz_bytes(input, TICKET_NAME, &size);
	memcpy(ticket.name, name, size);
	return ticket;
}

static void check_sound(const struct ticket *ticket)
{
	const struct waybuf_layout *layout = &ticket->layout;
	FUZZ_CHECK(ticket->count >= 1 && ticket->count <= 64 && ticket->index < ticket->count);
	FUZZ_CHECK(ticket->epoch >= 1 && ticket->config_epoch <= ticket->epoch);
	FUZZ_CHECK(layout->n_planes >= 1 && layout->n_planes <= WAYBUF_MAX_PLANES);
	FUZZ_CHECK(layout->n_memory <= WAYBUF_MAX_PLANES && ticket->slot < layout->n_memory);
	for (uint32_t i = 0; i < layout->n_planes; i++)
		FUZZ_CHECK(layout->planes[i].slot < layout->n_memory);
	FUZZ_CHECK(strnlen(ticket->name, sizeof(ticket->name)) <= TICKET_NAME);
}

static void check_same(const struct ticket *a, const struct ticket *b)
{
	/* numbers that have no room in a ticket are not there to be sealed */
	FUZZ_CHECK(a->epoch == b->epoch && a->uid == b->uid && a->config == b->config);
	FUZZ_CHECK(a->width == b->width && a->height == b->height && a->slot == b->slot);
	FUZZ_CHECK(a->layout.modifier == b->layout.modifier);
	FUZZ_CHECK(a->layout.format == b->layout.format);
}

static void look_at_file(const struct ticket *ticket)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	FUZZ_CHECK(fd >= 0);
	/* none of them is the file that this ticket is about */
	FUZZ_CHECK(ticket_check_file(ticket, fd));
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ticket_key key = {.secret = "known to everybody", .epoch = 3, .fd = -1};
	struct fuzz_input input = {data, size};
	struct ticket opened, ticket = read_ticket(&input);
	uint8_t sealed[TICKET_SIZE];
	FUZZ_CHECK(!ticket_open(&key, data, size, &opened) || size == TICKET_SIZE);
	ticket_seal(&key, &ticket, sealed);
	if (ticket_open(&key, sealed, sizeof(sealed), &opened)) {
		check_sound(&opened);
		check_same(&ticket, &opened);
		look_at_file(&opened);
	}
	size_t at = fuzz_u8(&input);
	sealed[at % TICKET_SIZE] ^= (uint8_t)(1 << (fuzz_u8(&input) & 7));
	FUZZ_CHECK(!ticket_open(&key, sealed, sizeof(sealed), &opened));
	return 0;
}
