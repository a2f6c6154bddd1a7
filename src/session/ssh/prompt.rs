//! Which prompts of keyboard-interactive (RFC 4256) may hear the password. Pure.

use russh::client::Prompt;

/// Whether a prompt wants the account's present password, as far as one can tell in any language.
pub(super) fn asks_the_password(prompt: &Prompt) -> bool {
    const SOMETHING_ELSE: [&str; 14] = [
        "new ",
        "retype",
        "again",
        "confirm",
        "change",
        "one-time",
        "otp",
        "token",
        "code",
        "verification",
        "pin:",
        "duo",
        "answer",
        "challenge",
    ];
    // sshd puts what PAM has to say before the prompt into it: only the last line asks.
    let line = prompt.prompt.trim_end().lines().next_back();
    let text = line.unwrap_or_default().to_lowercase();
    !prompt.echo && !SOMETHING_ELSE.iter().any(|word| text.contains(word))
}

/// Whether a prompt that follows the right password wants another one in its place.
pub(super) fn asks_for_a_change(prompt: &str) -> bool {
    let prompt = prompt.to_lowercase();
    ["new ", "retype", "current", "change"]
        .iter()
        .any(|word| prompt.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hidden_prompt_for_the_present_password_is_answered() {
        let asks = |prompt: &str, echo| {
            asks_the_password(&Prompt {
                prompt: prompt.to_owned(),
                echo,
            })
        };
        for prompt in ["Password: ", "Passwort:", "(ops@db1) Password: ", "密码："] {
            assert!(asks(prompt, false), "{prompt}");
            assert!(!asks(prompt, true), "{prompt} with echo");
        }
        for prompt in [
            "New password: ",
            "Retype new password:",
            "Verification code: ",
            "OTP:",
        ] {
            assert!(!asks(prompt, false), "{prompt}");
        }
        assert!(asks("A code of conduct holds here.\nPassword: ", false));
        assert!(!asks("Change your password now.\nNew password: ", false));
        assert!(asks_for_a_change("(current) UNIX password: "));
    }
}
