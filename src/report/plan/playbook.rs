//! The plays, one for each tool: constants, but for the names of the wave and of its group.

use crate::model::Tool;

/// The tasks that upgrade and restart; `None` for tools that Ansible has no fitting module for.
pub(super) fn of(tool: Tool) -> Option<String> {
    let upgrade = match tool {
        Tool::WindowsUpdate => return Some(WINDOWS.to_owned()),
        Tool::Apt => {
            "ansible.builtin.apt:\n        only_upgrade: true\n        update_cache: true\n"
        }
        Tool::Dnf => {
            "ansible.builtin.dnf:\n        update_only: true\n        update_cache: true\n"
        }
        Tool::Yum => "ansible.builtin.package:\n",
        Tool::Zypper => "community.general.zypper:\n        update_cache: true\n",
        Tool::Apk => "community.general.apk:\n        update_cache: true\n",
        Tool::Pkg => "community.general.pkgng:\n",
        Tool::Pacman => return Some(format!("{PACMAN}{}", restart(tool))),
        Tool::Opkg | Tool::Emerge => return None,
    };
    Some(format!(
        "    - name: \"Upgrade the packages of the plan\"
      {upgrade}        name: \"{{{{ underdesk_packages }}}}\"
        state: \"latest\"
      when: \"underdesk_packages | length > 0\"
{}",
        restart(tool)
    ))
}

/// A play for the hosts of a wave that have a tool.
pub(super) fn play(tool: Tool, wave: &str, group: &str) -> Option<String> {
    let word = tool.as_str();
    let become_root = match tool {
        Tool::WindowsUpdate => "",
        _ => "  become: true\n",
    };
    Some(format!(
        "- name: \"Wave {wave}: {word}\"
  hosts: \"{group}_{word}\"
  gather_facts: false
{become_root}  tasks:
{}",
        of(tool)?
    ))
}

/// Asks the host in its own way whether it wants a restart, and restarts it once.
fn restart(tool: Tool) -> String {
    let (ask, asks) = match tool {
        Tool::Apt => (
            "ansible.builtin.stat:\n        path: \"/run/reboot-required\"\n",
            "underdesk_asks.stat.exists",
        ),
        Tool::Dnf | Tool::Yum => (
            "ansible.builtin.command:\n        argv: [\"needs-restarting\", \"-r\"]\n      changed_when: false\n      failed_when: false\n",
            "underdesk_asks.rc == 1",
        ),
        Tool::Zypper => (
            "ansible.builtin.command:\n        argv: [\"zypper\", \"needs-rebooting\"]\n      changed_when: false\n      failed_when: false\n",
            "underdesk_asks.rc == 102",
        ),
        _ => {
            return "    - name: \"Restart\"
      ansible.builtin.reboot: {}
      when: \"underdesk_reboot == 'yes'\"
"
            .to_owned();
        }
    };
    format!(
        "    - name: \"See whether the host asks for a restart\"
      {ask}      register: \"underdesk_asks\"
    - name: \"Restart\"
      ansible.builtin.reboot: {{}}
      when: \"underdesk_reboot == 'yes' or (underdesk_reboot == 'if_asked' and {asks})\"
"
    )
}

const PACMAN: &str =
    "    - name: \"Upgrade the system: pacman knows no upgrade of single packages\"
      community.general.pacman:
        update_cache: true
        upgrade: true
      when: \"underdesk_packages | length > 0\"
";

const WINDOWS: &str = "    - name: \"Install the updates of the plan, stage by stage\"
      ansible.windows.win_updates:
        category_names: \"*\"
        accept_list: \"{{ item.kbs }}\"
        reboot: \"{{ item.reboot }}\"
        state: \"installed\"
      loop: \"{{ underdesk_stages }}\"
    - name: \"Restart\"
      ansible.windows.win_reboot: {}
      when: \"underdesk_restart\"
";
