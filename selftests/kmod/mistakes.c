// SPDX-License-Identifier: GPL-2.0
/*
 * mistakes: one of each kind, to see that a debug kernel finds it. insmod
 * mistakes.ko which=NAME; each ends without harm where nobody looks. What is
 * leaked is found when the module is gone.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

#define BYTES 96

static char *which = "";
module_param(which, charp, 0);

static volatile int sink;

/* The compiler is not told that it is the same. */
static char *forget(char *memory)
{
	OPTIMIZER_HIDE_VAR(memory);
	return memory;
}

static int use_after_free(void)
{
	char *memory = kzalloc(BYTES, GFP_KERNEL), *same = forget(memory);

	kfree(memory);
	sink = READ_ONCE(*same);
	return 0;
}

static int shift(void)
{
	int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	sink = 1 << by;
	return 0;
}

/* Two of one class; of the same one it would be the end. */
static int lock_twice(void)
{
	static struct mutex locks[2];
	int i;

	for (i = 0; i < 2; i++)
		mutex_init(&locks[i]);
	mutex_lock(&locks[0]);
	mutex_lock(&locks[1]);
	mutex_unlock(&locks[1]);
	mutex_unlock(&locks[0]);
	return 0;
}

static int no_rcu_lock(void)
{
	static int __rcu *pointer;

	sink = !rcu_dereference(pointer);
	return 0;
}

static int sleep_in_atomic(void)
{
	preempt_disable();
	might_sleep();
	preempt_enable();
	return 0;
}

static void nothing(struct timer_list *timer)
{
}

static int free_a_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return -ENOMEM;
	timer_setup(timer, nothing, 0);
	mod_timer(timer, jiffies + 600 * HZ);
	/* Where nobody notices it is stopped all the same. */
	if (IS_ENABLED(CONFIG_DEBUG_OBJECTS_FREE))
		kfree(timer);
	else if (timer_shutdown_sync(timer))
		kfree(timer);
	return 0;
}

static int leak(void)
{
	char *memory = kzalloc(BYTES, GFP_KERNEL);

	sink = memory && memory[0];
	return 0;
}

static unsigned long counter;

static int count_without_lock(void *unused)
{
	unsigned long until = jiffies + 5 * HZ;

	while (time_before(jiffies, until) && !kthread_should_stop()) {
		counter++;
		cond_resched();
	}
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int race(void)
{
	struct task_struct *tasks[2];
	int i;

	for (i = 0; i < 2; i++) {
		tasks[i] = kthread_run_on_cpu(count_without_lock, NULL, i, "race/%u");
		if (IS_ERR(tasks[i]))
			break;
	}
	msleep(5000);
	while (i--)
		kthread_stop(tasks[i]);
	return 0;
}

static const struct {
	const char *name;
	int (*make)(void);
} mistakes[] = {
	{ "use-after-free", use_after_free }, { "shift", shift },
	{ "lock-twice", lock_twice }, { "no-rcu-lock", no_rcu_lock },
	{ "sleep-in-atomic", sleep_in_atomic }, { "free-a-timer", free_a_timer },
	{ "leak", leak }, { "race", race },
};

static int __init mistakes_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++)
		if (!strcmp(mistakes[i].name, which))
			return mistakes[i].make();
	return -EINVAL;
}

static void __exit mistakes_exit(void)
{
}

module_init(mistakes_init);
module_exit(mistakes_exit);

MODULE_DESCRIPTION("What a debug kernel finds");
MODULE_LICENSE("GPL");
