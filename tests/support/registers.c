/* Loaded into User-Mode Linux (LD_PRELOAD) where the processor has AMX: ptrace() as that kernel expects it.

   It keeps 2,696 bytes of a process's registers, which was all there was before AMX. Linux reads as much as it is asked
   for, but writes all or nothing: PTRACE_SETREGSET fails with EINVAL and the kernel dies. Here what it does not know is
   written back as it was read. No process of a guest uses AMX: it would have to ask for it first (arch_prctl). */

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

long ptrace(enum __ptrace_request request, ...)
{
	va_list list;
	va_start(list, request);
	long pid = va_arg(list, long);
	void *address = va_arg(list, void *);
	void *data = va_arg(list, void *);
	va_end(list);

	/* What is peeked at comes through a pointer from the system call, and from glibc as what it returns. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
		long word;
		if (syscall(SYS_ptrace, request, pid, address, &word) < 0)
			return -1;
		errno = 0;
		return word;
	}
	long answer = syscall(SYS_ptrace, request, pid, address, data);
	if (answer < 0 && request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
		static char registers[16384]; /* 11,008 bytes with AMX: a stack of that kernel is no larger than this */
		struct iovec *known = data, all = {registers, sizeof registers};
		if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &all) < 0 || known->iov_len > all.iov_len)
			return -1;
		memcpy(registers, known->iov_base, known->iov_len);
		answer = syscall(SYS_ptrace, PTRACE_SETREGSET, pid, address, &all);
	}
	return answer;
}
