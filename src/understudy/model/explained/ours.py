"""Causes and actions of our numbers below UND-0270: what commands refuse, what becomes of them, and the states of a cluster. Data only."""

from understudy.model.explained.states import STATES

_NOTHING = "None."
_ATTR = "A value with commas belongs in single quotes: crsctl modify resource r -attr \"ACL='owner:root:rwx,other::r--'\"."

OURS: dict[int, tuple[str, str]] = {
    **STATES,
    # --- what is written wrong
    20001: ("The text of -attr or -file cannot be taken apart into NAME=value.", f"Correct what the message names. {_ATTR}"),
    20002: ("The attribute does not take such a value.", "Give one that the end of the message allows."),
    20003: ("It is fixed when the resource is registered.", "Delete the resource and register it with the other value."),
    20004: ("The cluster itself keeps this attribute.", "None: `crsctl stat resource NAME -v` shows it."),
    20005: (
        "The text of a dependency list cannot be read.",
        "Write kinds with names in parentheses, as hard(global:db) weak(type:cache.type); the message says where it goes wrong.",
    ),
    20006: (
        "A filter (-w) cannot be read, or compares an attribute that nothing has.",
        'Write ATTRIBUTE operator value, with AND, OR and parentheses: -w "(TYPE = cluster_resource) AND (STATE != ONLINE)".',
    ),
    20007: (
        "The name has something that names may not have.",
        "Choose letters, digits and . _ - + %, not beginning with '.', '-' or 'ora'.",
    ),
    20008: ("Its type says that it needs a value (FLAGS=REQUIRED).", 'Give it: -attr "NAME=value".'),
    20009: ("The same attribute stands twice in one command.", "Give it once."),
    20010: ("Something on the command line is no option or argument of this command.", "See the command with -h."),
    20011: ("Server pools have no such attribute.", "crsctl stat serverpool NAME -p lists those that they have."),
    20560: (
        "A scope says that a value counts on one server, and this one could not.",
        "Give the attribute without scope, or the scope that the message names; what is set already is removed with -delete.",
    ),
    # --- what does not exist, exists already, or is in the way
    20561: ("No category of that name is registered.", "crsctl stat category lists them; crsctl add category makes one."),
    20780: ("It would end on such a record, or forget what is said of a server.", "Upgrade understudyd on the servers that are named."),
    20781: ("A category has ACL, ACTIVE_CSS_ROLE and EXPRESSION.", "crsctl stat category NAME shows them."),
    20782: ("Every server reads the attributes of all.", "Take some away (an attribute without a value), or shorten them."),
    20783: ("A category of that name is there already.", "Choose another name, or change it: crsctl modify category"),
    20784: ("All servers are of it, in every cluster.", "Make a category of your own: crsctl add category"),
    20785: ("Something still goes by the category.", "Change SERVER_CATEGORY of what is named first, or delete that."),
    20021: ("No server pool of that name is registered.", "crsctl stat serverpool lists them."),
    20022: ("A server pool of that name is there already.", "Choose another name, or change it: crsctl modify serverpool"),
    20023: ("No resource type of that name is registered or built in.", "crsctl stat type lists them."),
    20024: ("The cluster has no server of that name.", "crsctl stat server lists them."),
    20025: ("Generic and Free are part of every cluster.", "Make a pool of your own: crsctl add serverpool"),
    20026: ("Something still uses the pool.", "Change SERVER_POOLS or PARENT_POOLS of what is named first, or delete that."),
    20027: ("Built-in types are the same in every cluster.", "Make a type that descends from it: crsctl add type NAME -basetype TYPE"),
    20028: ("Another type descends from it.", "Delete that one first."),
    20029: ("What may run is not forgotten.", "Do what the end of the message says, or use -f, which stops it first."),
    20030: ("What runs was started with the old value, so that it has to restart.", "Choose the moment, and use -f."),
    20031: (
        "It stands for a network of the settings, not for anything that was registered.",
        "Leave it; [network.N] of the settings makes it.",
    ),
    20033: ("Other types have nothing that runs.", "Name cluster_resource, local_resource, or a type that descends from one of them."),
    # --- what the machine or the network says
    20041: ("The file is not there on this server, where the resource may run.", "Put it there, on every server, or use -f."),
    20042: ("The file cannot be executed.", "chmod +x it, on every server."),
    20043: ("Another machine answers for the address.", "Choose another address, or find who has that MAC address."),
    20044: ("A virtual address lies in the subnet of its network.", "Choose another address, or another network: -network=N."),
    20045: ("Another resource is that address.", "Choose another address, or delete the other resource."),
    20046: (
        "The settings have no network of that number.",
        "Do what the message says; `crsctl stat resource ora.netN.network` shows it then.",
    ),
    20047: ("What was given is no address of IPv4 or IPv6.", "Correct it."),
    20048: ("The first and the last address of a subnet are no machine's.", "Choose another address."),
    20049: (
        "Actions cannot run as a user that this server does not know, and nobody has a right by that name.",
        "Add the user, or correct it.",
    ),
    20050: ("The settings give that address to something else.", "Choose an address that nothing uses."),
    20051: ("The first address of an IPv6 subnet means any router.", "Choose another address."),
    20105: (
        "Before a first start every server is asked whether the resource runs there already; this one cannot say.",
        "See why the script's check does not answer there, or keep the resource from that server.",
    ),
    20123: ("The file lies on storage that does not answer.", "See what is wrong with it, or use -f."),
    20124: ("The directory of users (LDAP, NIS) does not answer.", "Try again when it does."),
    20190: (
        "The file cannot be run as it is, or others may change what runs as that user.",
        "Do what the end of the message says, or use -f.",
    ),
    20231: ("Nobody has a right by the name of a group that this server does not know.", "Add the group, or correct the name."),
    20232: ("The directory of groups (LDAP, NIS) does not answer.", "Try again when it does."),
    # --- what became of a command
    20061: ("The registry did not answer in time.", "See what was done (crsctl stat resource), then type it again if need be."),
    20062: ("Others changed the same records in the same moment, several times in a row.", "Type it again."),
    20063: ("It takes longer than the command waits; nothing is taken back.", "understudy explain NAME says what it waits for."),
    20064: ("The command changes something of the cluster, which only root may.", "Run it as root."),
    20065: ("Virtual addresses are made by root.", "Run it as root."),
    20066: ("There is no such command.", "Choose one of those named, or see -h."),
    20067: ("The leader could not do what was asked.", "Do what the end of the message says."),
    20070: ("It leaves by itself, and others learn of it when the registry answers.", _NOTHING),
    20071: ("Something did not end in order; it is killed before the server goes.", "Look at the named resource's stop and clean."),
    20072: ("Stopping takes longer than the command waits.", "understudy history says what is still to be stopped."),
    20073: ("Only a server itself can take back that it was taken out.", "Log in there, and type the same command."),
    20074: ("Nobody has taken the server out.", "If it is not ONLINE all the same, see crsctl check crs there."),
    20075: ("It has not come back in time; it goes on trying.", "crsctl check crs there says what is missing."),
    20076: ("The rest would not be a majority of the voters, and would stop everything.", "Do what the message says."),
    20103: (
        "The server is heard from, or has been silent for too short a time to be off.",
        "Wait, or see how it is: understudy server list",
    ),
    20104: ("Nothing has to be confirmed of a server that has left.", _NOTHING),
    20121: ("Settings of a cluster that runs are not replaced.", "Stop it everywhere first: crsctl stop cluster -all"),
    20122: ("Nothing has to be accepted where no cluster is.", "Start a server."),
    20148: (
        "The cluster is in a state in which nobody could do it; the line below says which.",
        "Do what the line below says, and try again.",
    ),
    20562: ("The server is in none of its SERVER_POOLS any more.", "See whether that is meant; with -f it is done."),
    20150: ("After the change no server may run it.", "Give it another place, if it is to run on."),
    20151: ("After the change it may not run where it runs.", "See whether that is meant; with -f it is done."),
    20152: ("What runs was started with the old value.", "See whether that is meant; with -f it is done."),
    20153: ("Something that it depends on stops.", "See whether that is meant; with -f it is done."),
    20154: ("The definition is changed; what should have followed has not, or not yet.", "understudy explain NAME says what it waits for."),
    20155: ("Something could not be stopped, so that the rest was left as it was.", "Mend what the lines before say, and try again."),
    20156: ("A typing error there would take a resource offline.", "Correct the name, or use -f for a server that is to come."),
    20157: ("The start failed everywhere.", "Mend why, then start it again; with -l it stays wanted."),
    20158: ("It may not run any more where it ran before the restart.", "None: it starts where it may."),
    20159: ("The server that was named does not run it.", "Name the one that does, or none."),
    20160: ("Something has to happen before the command can go on.", "Wait, or mend what it waits for; Ctrl-C leaves it wanted."),
    20161: ("Stop and clean had left processes of it.", "Look at the script's stop and clean; what was killed may need a recovery."),
    20162: ("It had ended by itself before it was stopped.", _NOTHING),
    20163: ("Somebody else stopped it meanwhile.", "Ask them, or start it again."),
    20164: ("Somebody else started it meanwhile.", "Ask them, or stop it again."),
    20165: ("A restart would leave it down.", "Start first what it would wait for, or use -f."),
    20166: ("What it needs to start was stopped; it need not stop with that.", "Start that again before this one has to restart."),
    20170: ("A definition is kept in one record, which has a bound.", "Shorten the longest attribute, or move values into a file."),
    20180: ("Whoever reads the answer is too slow.", "Ask for less, or write it to a file."),
    20221: ("One command would write more than the registry takes at once.", "Name fewer resources."),
    20222: ("Everything that has to be on one server moves in one commit, which has a bound.", "Do what the message says."),
    20580: (
        "Dependencies of the resource contradict each other, by itself or by those of others.",
        "Take out one of those that the message names; hard(global:NAME) needs no common server.",
    ),
    20581: (
        "By PLACEMENT no server of the cluster may run it, or none may run it with all that must be beside it.",
        "Let SERVER_POOLS or HOSTING_MEMBERS of them have a server in common; or insist with -f, if one is to come.",
    ),
    20582: (
        "What started preempts it (exclusion with preempt_pre: or preempt_post:), and it may run nowhere else now.",
        "Let another server run it, or stop what it gave way to.",
    ),
    20583: (
        "Earlier versions read a type only at the end of a list, and would take such a resource for one that is not registered.",
        "Upgrade understudyd on all servers; until then let the type be the last of its list.",
    ),
    20233: ("It was deleted while it could not be ended, or registered under another name.", "understudy cluster status says what to do."),
    20620: ("The command was typed with --dry-run, or after understudy whatif.", "Type it without, if that is meant."),
    20621: ("What the command does cannot be worked out beforehand, or it changes nothing.", "Do what the message says."),
    20622: ("The access lists of these resources give you no r.", "Ask their owner, or root, to look."),
    20623: ("What is asked is what would happen if it joined.", "Name a server that is out; understudy server list shows them."),
    20624: ("Only what runs can fail.", "Start it first, or ask with crsctl eval start resource."),
    20625: ("Oracle Clusterware has sets of policies; here server pools are as they are.", "crsctl eval modify serverpool, for each pool."),
    20626: ("As in Oracle Clusterware, crsctl eval leaves out what is not registered by users.", "Use --dry-run with the command itself."),
    20627: ("A rehearsal begins with what the registry says now.", "Try again when it answers."),
    # --- the past
    20730: ("The text after --since, --until or --at is not like a time.", "Write it in one of the forms that the message shows."),
    20731: (
        "Each server keeps the changes of the registry for a limited time and size, from when its daemon first ran.",
        "Ask for a later time, or another server (--server NAME): the message says from when on this one knows.",
    ),
    20732: ("Says how exact an answer about the past is: by the changes that this server saw, and when.", "None."),
    20733: (
        "The decisions of a leader are on the server that led, the newest of them.",
        "understudy replay --list shows those of this server.",
    ),
    20734: (
        "The file is not what understudy replay --export has written, or is damaged.",
        "Export it again; the message says what is wrong.",
    ),
    20735: ("What is kept of the past is readable by root alone.", "Run it as root, or replay a file that was exported."),
    20521: (
        "-attr of a stat command names an attribute that nothing of that kind has.",
        "Correct the name; -p and -v show those that there are.",
    ),
    20510: (
        "The command's own server goes before the others.",
        "See with crsctl check cluster -all on a server that stays, or their logs.",
    ),
    20600: (
        "Another command, or the cluster itself, is at work on the resource.",
        "Wait until that has ended, or repeat the command without -i.",
    ),
    20601: (
        "A value that only this command knows would be lost where another server takes the resource over.",
        'crsctl modify resource NAME -attr "USR_X=...", start it, and set the value back when it is of no use any more.',
    ),
    20602: (
        "crsctl can open and close a group of commands; here each command is done for itself.",
        "Leave the option out; name several resources in one command.",
    ),
    20603: (
        "The pools are there, and no server is in them now.",
        "crsctl stat serverpool shows who is where.",
    ),
    20604: (
        "A local resource has an instance on each server: there is no best one to choose.",
        "Name one server: -n SERVER; or none, for all.",
    ),
    20605: (
        "A server that joins is given what is wanted and may run there.",
        "Do one of the two that the message names first.",
    ),
    20606: (
        "The word was taken; the command did not wait for more.",
        "crsctl check crs on that server says how far it is.",
    ),
    20607: (
        "Starts are not delayed after a boot: a majority of voters is the only thing that is waited for.",
        "None: leave the values at 0 and 1.",
    ),
    20608: (
        "Each server answers for itself only.",
        "Type the command on that server, or with --server where it asks a daemon.",
    ),
    20609: (
        "What begins Understudy on this machine is not systemd.",
        "See the machine's own init, or a supervisor's configuration.",
    ),
    20610: (
        "systemctl failed, with what the message says.",
        "Mend that, and repeat the command.",
    ),
    20611: (
        "All times are derived from one setting, so that they always fit together.",
        "Change pause_tolerance as the message says, if it must be.",
    ),
    20612: (
        "The thing does not exist in this cluster.",
        "Ask for one that the message names.",
    ),
    20613: (
        "The move would break SERVER_NAMES, MAX_SIZE or somebody's MIN_SIZE, or the server cannot be moved.",
        "Change the pools first (crsctl modify serverpool), or choose another server.",
    ),
    20614: (
        "There are no trace levels to set: nothing is left out of the logs.",
        "Read them as the message says.",
    ),
    20615: (
        "The network is no network, is there otherwise, overlaps another, or is in use.",
        "Do what the end of the message says.",
    ),
    20616: (
        "The network is registered; these servers have no interface in it.",
        "Give them one, or let what runs on it name the other servers.",
    ),
    20640: (
        "Instances are numbered from 1, and it has no more than its CARDINALITY.",
        "Give one that the message names, or modify CARDINALITY.",
    ),
    20641: (
        "No server has two instances of a resource, and none of them is without a server.",
        "Relocate one, or modify CARDINALITY, as the message says.",
    ),
    20642: (
        "What an older version takes for a deleted resource's could be an instance.",
        "Upgrade understudyd on the servers that the message names; then say it again.",
    ),
    20643: ("There are more instances than servers that may have one now.", "None: it starts when there is one more."),
    20644: ("It is not clear which of several instances is meant.", "Name its server or its number."),
    20645: ("A smaller CARDINALITY, or smaller pools, leave this instance over.", "None, if that is meant; without -f nothing is done."),
}
