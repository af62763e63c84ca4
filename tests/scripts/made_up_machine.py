"""Made-up machines: a folder with the part of sysfs, procfs and /etc that tuning looks at."""

import stat

ETHTOOL = """#!/bin/sh
# A card's driver: what it was told stands in a file beside it.
state="$(dirname "$0")/../../card.$2"
[ -f "$state" ] || { echo "netlink error: Operation not supported" >&2; exit 95; }
case "$1" in
-c) cat "$state" ;;
-C)
  case "$3" in
  adaptive-rx) sed -i "s/^Adaptive RX: [a-z]*/Adaptive RX: $4/" "$state" ;;
  *) sed -i "s/^$3: .*/$3: $4/" "$state" ;;
  esac ;;
esac
"""
CARD = "Coalesce parameters for eth0:\nAdaptive RX: on  TX: off\nrx-usecs: 3\nrx-frames: n/a\n"


class MadeUp:
    """A machine below `root`: `cores` cores of `threads` threads, on `nodes` memory nodes."""

    def __init__(self, root, cores=2, threads=1, nodes=1):
        self.root = root
        self.count = cores * threads
        self.put("sys/devices/system/cpu/online", f"0-{self.count - 1}")
        self.put("sys/devices/system/cpu/isolated", "")
        for cpu in range(self.count):
            siblings = ",".join(str(cpu % cores + cores * k) for k in range(threads))
            self.put(f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", siblings)
        for node in range(nodes):
            mine = [c for c in range(self.count) if (c % cores) * nodes // cores == node]
            self.put(f"sys/devices/system/node/node{node}/cpulist", ",".join(map(str, mine)))

    def put(self, name, text, end="\n"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + end)
        return path

    def read(self, name):
        return (self.root / name).read_text().strip()

    def with_knobs(self):
        """Everything that a large server offers, set as a distribution leaves it."""
        for cpu in range(self.count):
            at = f"sys/devices/system/cpu/cpu{cpu}"
            self.put(f"{at}/cpufreq/scaling_governor", "powersave")
            self.put(f"{at}/cpufreq/scaling_available_governors", "performance powersave")
            self.put(f"{at}/cpufreq/energy_performance_preference", "balance_performance")
            for state, exit_us in enumerate((0, 2, 133)):
                self.put(f"{at}/cpuidle/state{state}/latency", str(exit_us))
                self.put(f"{at}/cpuidle/state{state}/disable", "0")
        self.put("proc/irq/default_smp_affinity", f"{(1 << self.count) - 1:x}")
        self.put("proc/irq/24/smp_affinity_list", f"0-{self.count - 1}")
        self.put("proc/irq/25/smp_affinity_list", "0")
        self.put("proc/cmdline", "quiet splash")
        (self.root / "etc/default/grub.d").mkdir(parents=True)
        (self.root / "etc/security/limits.d").mkdir(parents=True)
        self.put("proc/self/limits", f"{'Max locked memory':26}{'8388608':21}{'8388608':21}bytes")
        self.put("proc/meminfo", "MemTotal: 1000 kB\nSwapTotal: 500 kB")
        huge = "sys/kernel/mm/transparent_hugepage"
        self.put(f"{huge}/enabled", "[always] madvise never")
        self.put(f"{huge}/defrag", "[always] defer defer+madvise madvise never")
        for name, value in {
            "vm/swappiness": "60", "vm/nr_hugepages": "0", "vm/zone_reclaim_mode": "1",
            "kernel/numa_balancing": "1", "net/core/busy_poll": "0", "net/core/busy_read": "0",
            "net/core/rmem_max": "212992", "net/core/wmem_max": "212992",
            "net/core/netdev_max_backlog": "1000", "net/ipv4/tcp_slow_start_after_idle": "1",
            "net/ipv4/tcp_rmem": "4096\t131072\t6291456",
            "net/ipv4/tcp_wmem": "4096\t16384\t4194304",
        }.items():  # fmt: skip
            self.put(f"proc/sys/{name}", value)
        clock = "sys/devices/system/clocksource/clocksource0"
        self.put(f"{clock}/current_clocksource", "hpet")
        self.put(f"{clock}/available_clocksource", "tsc hpet acpi_pm")
        self.card("eth0", node=0)
        return self

    def card(self, name, node):
        """A network card that is up, and an ethtool that sets it."""
        self.put(f"sys/class/net/{name}/operstate", "up")
        self.put(f"sys/class/net/{name}/device/numa_node", str(node))
        self.put(f"card.{name}", CARD, end="")
        tool = self.put("usr/sbin/ethtool", ETHTOOL, end="")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    def tree(self):
        """Every file with its bytes, every folder with None."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
        }
