// SPDX-License-Identifier: GPL-2.0
/*
 * failn: the N-th allocation of a task fails, on a kernel that was not built for
 * it: probes on the allocators return nothing. For tests, in guests.
 *
 * /sys/kernel/debug/failn: write "N [o][m][w]", read how many are left until then
 * and how many have failed. One task at a time: the writer, or with w whichever
 * worker of the kernel's comes along.
 *   o  the N-th, and all that follow
 *   m  only those that a module's code asks for, itself or further down
 * "0" ends it. What must not fail (__GFP_NOFAIL) and what interrupts ask for
 * does neither fail nor count.
 */
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/uaccess.h>
#include <asm/ibt.h>

#define DEPTH 40
#define NO_GFP 0		/* it has no such argument, and may fail */

static DEFINE_RAW_SPINLOCK(lock);	/* of what follows */
static struct task_struct *victim;	/* or any worker, where it is NULL */
static unsigned int left, failed;
static bool active, onwards, modules;
static bool spared;

static struct dentry *file;

void failn_return(void);
asm(".text\n"
    ".type failn_return, @function\n"
    "failn_return:\n"
    ASM_ENDBR
    ASM_RET
    ".size failn_return, .-failn_return\n");

/* An allocator, and which of its arguments says how (from 1). */
struct point {
	struct kprobe probe;
	unsigned int gfp;
};

#ifdef CONFIG_SLAB_BUCKETS
#define NODE_GFP 3
#else
#define NODE_GFP 2
#endif

#define POINT(_symbol, _gfp) { .probe = { .symbol_name = _symbol }, .gfp = _gfp }

/* Those that a kernel does not have are left out; see check(). */
static struct point points[] = {
	POINT("kmem_cache_alloc", 2), POINT("kmem_cache_alloc_noprof", 2),
	POINT("kmem_cache_alloc_lru", 3), POINT("kmem_cache_alloc_lru_noprof", 3),
	POINT("kmem_cache_alloc_node", 2), POINT("kmem_cache_alloc_node_noprof", 2),
	POINT("__kmalloc", 2), POINT("__kmalloc_noprof", 2),
	POINT("__kmalloc_node", 2), POINT("__kmalloc_node_noprof", NODE_GFP),
	POINT("__kmalloc_node_track_caller", 2),
	POINT("__kmalloc_node_track_caller_noprof", NODE_GFP),
	POINT("kmalloc_trace", 2), POINT("__kmalloc_cache_noprof", 2),
	POINT("kmalloc_node_trace", 2), POINT("__kmalloc_cache_node_noprof", 2),
	POINT("kmalloc_large", 2), POINT("__kmalloc_large_noprof", 2),
	POINT("__alloc_pages", 1), POINT("__alloc_pages_noprof", 1),
	POINT("__alloc_pages_bulk", 1), POINT("alloc_pages_bulk_noprof", 1),
	POINT("__alloc_percpu", NO_GFP), POINT("__alloc_percpu_gfp", 3),
	POINT("pcpu_alloc_noprof", 4),
};

static gfp_t gfp_of(const struct point *point, const struct pt_regs *regs)
{
	return point->gfp ? (gfp_t)regs_get_kernel_argument((struct pt_regs *)regs,
							    point->gfp - 1) : GFP_KERNEL;
}

static bool is_foreign(unsigned long address)
{
	return address >= MODULES_VADDR && address < MODULES_END &&
	       !within_module(address, THIS_MODULE);
}

/* Before the allocator's caller the stack is the probe's: ftrace has code among modules. */
static bool is_below_module(const struct pt_regs *regs)
{
	unsigned long caller = *(unsigned long *)regs->sp;
	unsigned long entries[DEPTH];
	unsigned int i = 0, count = stack_trace_save(entries, DEPTH, 0);

	while (i < count && entries[i] != caller)
		i++;
	for (; i < count; i++)
		if (is_foreign(entries[i]))
			return true;
	return false;
}

static bool is_meant(void)
{
	if (!READ_ONCE(active) || !in_task())
		return false;
	return victim ? current == victim : current->flags & PF_WQ_WORKER;
}

/* Under the lock. */
static bool fails(void)
{
	if (!active || (!left && !onwards))
		return false;
	if (left && --left)
		return false;
	failed++;
	return true;
}

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	const struct point *point = container_of(probe, struct point, probe);
	unsigned long flags;
	bool hit;

	if (!is_meant() || READ_ONCE(spared) || gfp_of(point, regs) & __GFP_NOFAIL)
		return 0;
	if (modules && !is_below_module(regs))
		return 0;
	raw_spin_lock_irqsave(&lock, flags);
	hit = fails();
	raw_spin_unlock_irqrestore(&lock, flags);
	if (!hit)
		return 0;
	regs_set_return_value(regs, 0);
	regs->ip = (unsigned long)failn_return;
	return 1;
}
NOKPROBE_SYMBOL(before);

static int enter_spared(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (is_meant())
		WRITE_ONCE(spared, true);
	return 0;
}

static int leave_spared(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (is_meant())
		WRITE_ONCE(spared, false);
	return 0;
}

/*
 * Where nothing fails, because the kernel has no answer to it but a trace: the name
 * in sysfs of a device that moves to another namespace, and a directory of sysctls.
 * One is not below another.
 */
static struct kretprobe device_rename = {
	.kp.symbol_name = "device_rename",
	.entry_handler = enter_spared,
	.handler = leave_spared,
};

static struct kretprobe sysctl_table = {
	.kp.symbol_name = "__register_sysctl_table",
	.entry_handler = enter_spared,
	.handler = leave_spared,
};

static struct kretprobe *spares[] = { &device_rename, &sysctl_table };

/* ----------------------------------------------------------------- control */

static void set(unsigned int n, bool workers, bool all_that_follow, bool below_modules)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	victim = workers ? NULL : current;
	onwards = all_that_follow;
	modules = below_modules;
	left = n;
	if (n)
		failed = 0;
	WRITE_ONCE(active, n);
	raw_spin_unlock_irqrestore(&lock, flags);
}

static ssize_t control_write(struct file *to, const char __user *from, size_t count, loff_t *at)
{
	char text[16] = "";
	unsigned int n;

	if (count >= sizeof(text) || copy_from_user(text, from, count))
		return -EINVAL;
	if (sscanf(text, "%u", &n) != 1)
		return -EINVAL;
	set(n, strchr(text, 'w'), strchr(text, 'o'), strchr(text, 'm'));
	return count;
}

static ssize_t control_read(struct file *from, char __user *to, size_t count, loff_t *at)
{
	char text[32];
	int length = scnprintf(text, sizeof(text), "%u %u\n", left, failed);

	return simple_read_from_buffer(to, count, at, text, length);
}

static const struct file_operations control = {
	.owner = THIS_MODULE,
	.write = control_write,
	.read = control_read,
};

/* ------------------------------------------------------------------ module */

static void remove_probes(size_t count)
{
	while (count--)
		if (points[count].probe.addr)
			unregister_kprobe(&points[count].probe);
}

static int add_probe(struct point *point)
{
	int err;

	point->probe.pre_handler = before;
	err = register_kprobe(&point->probe);
	if (err)
		point->probe.addr = NULL;
	return err == -ENOENT ? 0 : err;
}

/* Slabs by kmem_cache_alloc and kmalloc, pages and per-processor memory: all are there. */
static int check(void)
{
	size_t i, found = 0;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		found += !!points[i].probe.addr;
	return found >= ARRAY_SIZE(points) / 2 ? 0 : -ENOENT;
}

static int __init failn_init(void)
{
	size_t i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(points) && !err; i++)
		err = add_probe(&points[i]);
	if (!err)
		err = check();
	if (!err)
		err = register_kretprobes(spares, ARRAY_SIZE(spares));
	if (err) {
		remove_probes(i);
		return err;
	}
	file = debugfs_create_file("failn", 0600, NULL, NULL, &control);
	return 0;
}

static void __exit failn_exit(void)
{
	debugfs_remove(file);
	unregister_kretprobes(spares, ARRAY_SIZE(spares));
	remove_probes(ARRAY_SIZE(points));
}

module_init(failn_init);
module_exit(failn_exit);

MODULE_DESCRIPTION("Allocations that fail when a test wants it");
MODULE_LICENSE("GPL");
