/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * proc.bpf.h - the target's processes: workers that are forked, replaced and ended.
 */
#ifndef RS_PROC_BPF_H
#define RS_PROC_BPF_H

static __always_inline void emit_proc(struct task_struct *task, u32 what, u32 other, u64 now)
{
	struct rs_ev_proc e = {};

	e.h.ts = now;
	e.h.type = RS_EV_PROC;
	e.h.tgid = BPF_CORE_READ(task, tgid);
	e.h.tid = BPF_CORE_READ(task, pid);
	e.what = what;
	e.other = other;
	e.start = BPF_CORE_READ(task, group_leader, start_boottime);
	BPF_CORE_READ_STR_INTO(&e.comm, task, group_leader, comm);
	ring_put(&e, sizeof(e));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	u32 ppid = BPF_CORE_READ(parent, tgid), pid = BPF_CORE_READ(child, tgid);

	if (ppid == pid || !bpf_map_lookup_elem(&targets, &ppid))
		return 0;
	target_enter(pid);
	if (insight)
		bpf_task_storage_get(&threads, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	emit_proc(child, RS_PROC_FORK, ppid, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (!is_target(bpf_get_current_pid_tgid()))
		return 0;
	if (insight) { /* what was known was of the program before */
		loop_end();
		bpf_map_delete_elem(&interps, &tgid);
	}
	emit_proc(task, RS_PROC_EXEC, 0, bpf_ktime_get_ns());
	return 0;
}

/* Runs before the files are closed (do_exit()), so the entry stays until the user side clears it:
   the connections' end must still be known as the target's doing. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	u64 id = bpf_get_current_pid_tgid();
	struct target *t = is_target(id) ? current_target() : NULL;

	if (insight)
		loop_end();
	if (t)
		writer_ends(id);
	if (!t || BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	target_exits(t, id >> 32);
	emit_proc(task, RS_PROC_EXIT, BPF_CORE_READ(task, exit_code), bpf_ktime_get_ns());
	return 0;
}

#endif
