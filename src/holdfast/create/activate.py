"""The activation scripts of an environment, for the shells that people use.

Each saves what it changes (PATH, PYTHONHOME, the prompt), sets VIRTUAL_ENV and VIRTUAL_ENV_PROMPT, and defines
``deactivate``. The names of the saved variables are the customary ones, so that environments made by different tools
can be activated one after the other. Pure.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

_SH = """\
# Source it in sh, bash, zsh or ksh:  . bin/activate

deactivate () {
    if [ -n "${_OLD_VIRTUAL_PATH+set}" ]; then
        PATH=$_OLD_VIRTUAL_PATH; export PATH; unset _OLD_VIRTUAL_PATH
    fi
    if [ -n "${_OLD_VIRTUAL_PYTHONHOME+set}" ]; then
        PYTHONHOME=$_OLD_VIRTUAL_PYTHONHOME; export PYTHONHOME; unset _OLD_VIRTUAL_PYTHONHOME
    fi
    if [ -n "${_OLD_VIRTUAL_PS1+set}" ]; then
        PS1=$_OLD_VIRTUAL_PS1; unset _OLD_VIRTUAL_PS1
    fi
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    hash -r 2>/dev/null || true
    if [ "${1:-}" != nondestructive ]; then
        unset -f deactivate
    fi
}

deactivate nondestructive

VIRTUAL_ENV=@ROOT@; export VIRTUAL_ENV
VIRTUAL_ENV_PROMPT=@PROMPT@; export VIRTUAL_ENV_PROMPT

_OLD_VIRTUAL_PATH=${PATH:-}
PATH=$VIRTUAL_ENV/bin${PATH:+:$PATH}; export PATH

if [ -n "${PYTHONHOME+set}" ]; then
    _OLD_VIRTUAL_PYTHONHOME=$PYTHONHOME
    unset PYTHONHOME
fi

if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ]; then
    _OLD_VIRTUAL_PS1=${PS1:-}
    PS1="($VIRTUAL_ENV_PROMPT) ${PS1:-}"
fi

hash -r 2>/dev/null || true
"""

_CSH = """\
# Source it in csh or tcsh:  source bin/activate.csh

setenv VIRTUAL_ENV @ROOT@
setenv VIRTUAL_ENV_PROMPT @PROMPT@

set _OLD_VIRTUAL_PATH="$PATH:q"
setenv PATH "$VIRTUAL_ENV:q/bin:$PATH:q"

if ( ! $?prompt ) set prompt=""
set _OLD_VIRTUAL_PROMPT="$prompt:q"
if ( ! $?VIRTUAL_ENV_DISABLE_PROMPT ) set prompt = "($VIRTUAL_ENV_PROMPT) $prompt:q"

alias deactivate 'setenv PATH "$_OLD_VIRTUAL_PATH:q"; set prompt="$_OLD_VIRTUAL_PROMPT:q"; \
unsetenv VIRTUAL_ENV; unsetenv VIRTUAL_ENV_PROMPT; rehash; unalias deactivate'

rehash
"""

_FISH = """\
# Source it in fish:  source bin/activate.fish

function deactivate -d "Leave the virtual environment"
    if set -q _OLD_VIRTUAL_PATH
        set -gx PATH $_OLD_VIRTUAL_PATH
        set -e _OLD_VIRTUAL_PATH
    end
    if set -q _OLD_VIRTUAL_PYTHONHOME
        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME
        set -e _OLD_VIRTUAL_PYTHONHOME
    end
    if functions -q _old_fish_prompt
        functions -e fish_prompt
        functions -c _old_fish_prompt fish_prompt
        functions -e _old_fish_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != nondestructive
        functions -e deactivate
    end
end

deactivate nondestructive

set -gx VIRTUAL_ENV @ROOT@
set -gx VIRTUAL_ENV_PROMPT @PROMPT@

set -gx _OLD_VIRTUAL_PATH $PATH
set -gx PATH $VIRTUAL_ENV/bin $PATH

if set -q PYTHONHOME
    set -gx _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        set -l _last $status
        printf '(%s) ' $VIRTUAL_ENV_PROMPT
        sh -c "exit $_last" # the prompt may show the last command's status
        _old_fish_prompt
    end
end
"""

_POWERSHELL = """\
# Source it in PowerShell:  . bin/Activate.ps1

function global:deactivate([switch] $NonDestructive) {
    if (Test-Path variable:_OLD_VIRTUAL_PATH) {
        $env:PATH = $global:_OLD_VIRTUAL_PATH
        Remove-Variable "_OLD_VIRTUAL_PATH" -Scope global
    }
    if (Test-Path variable:_OLD_VIRTUAL_PYTHONHOME) {
        $env:PYTHONHOME = $global:_OLD_VIRTUAL_PYTHONHOME
        Remove-Variable "_OLD_VIRTUAL_PYTHONHOME" -Scope global
    }
    if (Test-Path function:_old_virtual_prompt) {
        $function:global:prompt = $function:_old_virtual_prompt
        Remove-Item function:\\_old_virtual_prompt
    }
    if ($env:VIRTUAL_ENV) { Remove-Item env:VIRTUAL_ENV }
    if ($env:VIRTUAL_ENV_PROMPT) { Remove-Item env:VIRTUAL_ENV_PROMPT }
    if (-not $NonDestructive) { Remove-Item function:deactivate }
}

deactivate -NonDestructive

$env:VIRTUAL_ENV = @ROOT@
$env:VIRTUAL_ENV_PROMPT = @PROMPT@

$global:_OLD_VIRTUAL_PATH = $env:PATH
$env:PATH = $env:VIRTUAL_ENV + "/bin:" + $env:PATH

if ($env:PYTHONHOME) {
    $global:_OLD_VIRTUAL_PYTHONHOME = $env:PYTHONHOME
    Remove-Item env:PYTHONHOME
}

if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    $function:global:_old_virtual_prompt = $function:prompt
    function global:prompt { "(" + $env:VIRTUAL_ENV_PROMPT + ") " + (_old_virtual_prompt) }
}
"""


def activation_scripts(root: str, prompt: str) -> Mapping[str, str]:
    """The scripts by file name.

    Args:
        root: Absolute path of the environment, as the user spelled it; no line breaks.
        prompt: Shown in parentheses; no line breaks.
    """
    return {
        "activate": _filled(_SH, shlex.quote(root), shlex.quote(prompt)),
        "activate.csh": _filled(_CSH, _csh(root), _csh(prompt)),
        "activate.fish": _filled(_FISH, _fish(root), _fish(prompt)),
        "Activate.ps1": _filled(_POWERSHELL, _powershell(root), _powershell(prompt)),
    }


def _filled(template: str, root: str, prompt: str) -> str:
    head, _, tail = template.partition("@ROOT@")
    return head + root + tail.replace("@PROMPT@", prompt)


def _csh(text: str) -> str:
    """History substitution works in single quotes too."""
    return shlex.quote(text).replace("!", "\\!")


def _fish(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _powershell(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
