"""Owns crsctl's message catalogue: every number that may be printed, with its words.

Called by the parsers and checks of this package, by the daemon's verbs and by the command line. It never decides what to say.
Numbers below 20000 are Oracle's and print as CRS-nnnn; those from 20001 on are ours, in its manner, and print as UND-nnnn.
"""

from understudy.model.names import ResourceName, number_of, registered_name

OURS = 20000

WORDS: dict[int, str] = {
    254: "authorization failure",
    267: "Human intervention required to resume its availability.",
    2500: "Cannot stop resource '{}' as it is not running",
    2501: "Resource '{}' is disabled",
    2502: "Resource '{}' has dependency error because of resource '{}'",
    2509: "Resource type '{}' used in dependency '{}' does not exist or is not registered.",
    2510: "Resource '{}' used in dependency '{}' does not exist or is not registered.",
    2515: "Circular dependency found for resource '{}'",
    2529: "Unable to act on '{}' because that would require stopping or relocating '{}', but the force option was not specified",
    2539: "A resource with the name '{}' is already registered",
    2546: "Server '{}' is not online",
    2549: "Resource '{}' cannot be placed on '{}' as it is not a valid candidate as per the placement policy",
    2559: "Resource type '{}' may not be unregistered as it has the following resources:{}",
    2562: "Resource '{}' cannot be relocated as it is not running",
    2566: "User '{}' does not have sufficient permissions to operate on resource '{}', which is part of the dependency specification.",
    2571: "Dependency kind '{}' is specified more than once for resource '{}'",
    2588: "A cyclical dependency on '{}' is detected from '{}' via type '{}'",
    2603: "Server '{}' cannot be assigned to server pool '{}' because it is not a top-level pool",
    2613: "Could not find resource '{}'.",
    2632: "There are no more servers to try to place resource '{}' on that would satisfy its placement policy",
    2660: "Resource '{}' or all of its instances are disabled",
    2672: "Attempting to start '{}' on '{}'",
    2673: "Attempting to stop '{}' on '{}'",
    2674: "Start of '{}' on '{}' failed",
    2675: "Stop of '{}' on '{}' failed",
    2676: "Start of '{}' on '{}' succeeded",
    2677: "Stop of '{}' on '{}' succeeded",
    2678: "'{}' on '{}' has experienced an unrecoverable failure",
    2679: "Attempting to clean '{}' on '{}'",
    2680: "Clean of '{}' on '{}' failed",
    2681: "Clean of '{}' on '{}' succeeded",
    2682: "It is locked by '{}' for command '{}' issued from '{}'",
    2725: "User '{}' does not have permission to operate on resource '{}'.",
    2728: "A resource type with the name '{}' is already registered",
    2729: "Attribute '{}' cannot be overridden for a resource type",
    2730: "Resource '{}' depends on resource '{}'",
    2765: "Resource '{}' has failed on server '{}'.",
    2769: "Unable to failover resource '{}'.",
    2771: "Maximum restart attempts reached for resource '{}'; will not restart.",
    2790: "Starting shutdown of Cluster Ready Services-managed resources on '{}'",
    2791: "Starting shutdown of Oracle High Availability Services-managed resources on '{}'",
    2792: "Shutdown of Cluster Ready Services-managed resources on '{}' has completed",
    2793: "Shutdown of Oracle High Availability Services-managed resources on '{}' has completed",
    2881: "Additional exclusion dependency discovered on resource '{}' within the same dependency tree.",
    2904: "Parameter '{}' for 'relocate' is not a singleton resource.",
    2922: "The attribute '{}' is not supported for resource type '{}'.",
    2929: "The dependency on resource '{}' cannot be accepted because it is specified multiple times.",
    4000: "Command {} failed, or completed with errors.",
    4123: "Oracle High Availability Services has been started.",
    4133: "Oracle High Availability Services has been stopped.",
    4529: "Cluster Synchronization Services is online",
    4530: "Communications failure contacting Cluster Synchronization Services daemon",
    4533: "Event Manager is online",
    4534: "Cannot communicate with Event Manager",
    4535: "Cannot communicate with Cluster Ready Services",
    4537: "Cluster Ready Services is online",
    4621: "Oracle High Availability Services autostart is disabled.",
    4622: "Oracle High Availability Services autostart is enabled.",
    4638: "Oracle High Availability Services is online",
    4639: "Could not contact Oracle High Availability Services",
    4678: "Successful get {} {} for Cluster Synchronization Services.",
    4966: "Current resource use parameter value is {}",
    5017: 'The resource action "{} {}" encountered the following error:',
    5127: "The attribute HOSTING_MEMBERS must not be specified for the entity.",
    5129: "An invalid placement policy was specified for the entity.",
    5702: "Resource '{}' is already running on '{}'",
    6029: "resource '{}' is not configured to be relocated by its dependent resource '{}'",
    6724: "Current cluster name is '{}'",
    # --- ours: what is written wrong
    20001: "The attribute text cannot be read: {}",
    20002: "The value '{}' of attribute '{}' is not valid: {}",
    20003: "The attribute '{}' cannot be changed once the {} exists.",
    20004: "The attribute '{}' is read-only.",
    20005: "The dependency text '{}' of {} cannot be read: {}",
    20006: "The filter '{}' cannot be read: {}",
    20007: "The name '{}' is not valid: {}",
    20008: "The attribute '{}' is required by resource type '{}'.",
    20009: "The attribute '{}' is given more than once.",
    20010: "Option or argument not understood: {}",
    20011: "The attribute '{}' is not supported for a server pool.",
    20521: "Nothing here has an attribute {}{}",
    20520: "There is no message '{}': numbers look like CRS-2549 or UND-0026.",
    20560: "The attribute '{}' is not valid: {}.",
    # --- ours: what does not exist, exists already, or is in the way
    20561: "Could not find server category '{}'.",
    20021: "Could not find server pool '{}'.",
    20022: "A server pool with the name '{}' is already registered",
    20023: "Could not find resource type '{}'.",
    20024: "Could not find server '{}'.",
    20025: "Server pool '{}' cannot be {} because it is built in.",
    20026: "Server pool '{}' cannot be deleted because {} names it.",
    20027: "Resource type '{}' cannot be changed or deleted because it is built in.",
    20028: "Resource type '{}' may not be unregistered as type '{}' descends from it.",
    20029: "Resource '{}' cannot be deleted as {}",
    20030: "Changing {} restarts {}, but the force option was not specified",
    20031: "Resource '{}' belongs to the cluster itself and cannot be {} by this command.",
    20033: "Resource type '{}' must descend from 'local_resource' or 'cluster_resource'.",
    # --- ours: what the machine or the network says
    20041: "{} '{}' of resource '{}' does not exist on server '{}'.",
    20042: "{} '{}' of resource '{}' is not executable on server '{}'.",
    20043: "Address '{}' is already in use on the network by {}.",
    20044: "Address '{}' is outside the subnet '{}' of network {}.",
    20045: "Address '{}' already belongs to resource '{}'.",
    20046: "There is no network {}; make it: understudy network add {}=SUBNET,INTERFACE",
    20047: "'{}' is no IP address.",
    20048: "Address '{}' is the network or broadcast address of subnet '{}'.",
    20051: "Address '{}' is the address of any router of subnet '{}'.",
    20050: "Address '{}' is {} by understudy.toml; choose one that nothing else uses.",
    20049: "User '{}' does not exist on server '{}'.",
    20231: "Group '{}' does not exist on server '{}'.",
    20190: "{} '{}' of resource '{}' cannot be used on server '{}': {}",
    # --- ours: what became of a command
    20180: "More than {} MiB of this answer have not been read, so the rest is not sent; the command itself goes on.",
    20061: "The registry does not answer; what was asked may or may not have been done: {}",
    20062: "Somebody else changed the same things at the same time, again and again; nothing was changed.",
    20063: "Not finished after {} seconds: {}. The request stays in force; see 'understudy explain {}'.",
    20064: "Only root may do this, and you are user '{}': run the command as root.",
    20065: "Only root may run appvipcfg.",
    20066: "'{}' is not something this command knows; try {}",
    20101: "Server '{}' holds its lease but cannot act: {}. {}",
    20102: "No message from server '{}': {}. {}",
    20103: "Server '{}' is {}: a server that holds a lease, or has not been silent for long enough, is not off.",
    20105: "Resource '{}' was never started by the cluster, and server '{}' cannot tell whether it runs there: its check does not answer.",
    20104: "Server '{}' has left the cluster; nothing runs there and nothing waits for it.",
    20121: "'{}' is the leader, so the cluster is running. Stop it on every server first; the settings of a running cluster do not change.",
    20122: "There is no cluster in this registry yet: the first server that joins makes it, with its settings.",
    20123: "The storage of {} '{}' does not answer on server '{}'. When it does again try once more, or use -f.",
    20232: "No answer in time whether group '{}' exists on this server; check the sources of groups in /etc/nsswitch.conf.",
    20124: "No answer in time whether user '{}' exists on this server; check the sources of users in /etc/nsswitch.conf.",
    20068: "The registry does not answer: {}. {}",
    20069: "The guard of this server says: {}. {}",
    20076: "{} would leave the cluster without a majority of voters ({} of {} would be left, {} are needed): everything that runs on the "
    "servers that stay would be stopped at once. Let more voters join first, stop all servers together (crsctl stop cluster -all), "
    "or insist with -f.",
    20070: "The registry does not answer, so it cannot be recorded that server '{}' leaves. It stops everything in order by itself and "
    "says farewell; what it ran starts elsewhere when the registry answers again.",
    20071: "Not everything on server '{}' was stopped in order; its guard kills what is left: {}.",
    20072: "Server '{}' is still leaving after {} seconds; it goes on; see 'understudy history'.",
    20073: "Run this command on server '{}' itself: a server that has left the cluster has no news of the others.",
    20074: "Server '{}' was not taken out by an operator; there is nothing to take back. It joins when its guard runs and holds a lease.",
    20075: "Server '{}' has not joined within {} seconds; it goes on trying; see understudyd's log there.",
    # --- ours: making a cluster, and joining it
    20270: "Nothing was changed: what failed above has to be mended first.",
    20271: "This is no token: {}",
    20272: "The token is refused: {}",
    20273: "This server is configured already, and otherwise than asked for; nothing was changed: {}",
    20275: "No answer from the server that made the token: {}",
    20276: "{} is not of the cluster that made this token: the certificate of its authority is another. Nothing was sent to it; see who "
    "answers there.",
    20277: "Two servers have one voter: when {} is lost, everything stops on the other as well. Name a third server, which may be small, "
    "or insist with --accept-single-voter.",
    20278: "The key of the cluster's authority is not on this server; run this command on {}.",
    20279: "{} tokens wait to be used, and more are not made: use them, or wait until they expire.",
    20280: "Only root may do this: run the command as root.",
    20281: "'{}' is not ONLINE after {} s: {}",
    20282: "The answer of {} cannot be used: {}",
    20283: "{} belongs to something else: {}",
    20284: "{} cannot be written: {}",
    20285: "{}: {}",
    20401: "{}. It was passed over, and is as full as before: type the same command when it answers.",
    20400: "Not finished, and the token may have been used already: type the same command; if the token is refused, make another on a "
    "voter with: understudy cluster token",
    20286: "understudy.target cannot be started: {}",
    # --- ours: who may do what
    20325: "User '{}' does not have the right {} on {} '{}'.",
    20326: "User '{}' may not let '{}' run on any server: name SERVER_POOLS on which that user has x, which with PLACEMENT=restricted or "
    "balanced are the only ones where it runs (and no HOSTING_MEMBERS besides).",
    20327: "Actions of '{}' would run as user '{}': only root registers what runs as another user than '{}', who asks.",
    20328: "Only root may change {} of '{}': {}.",
    20329: "{} of '{}' decides what its actions do as user '{}': only that user and root may change it.",
    20330: "User '{}' has {} commands under way on this server, and more are not begun: wait until one has ended.",
    20331: "No certificate can be made for that name: {}.",
    # --- ours: servers and voters of a living cluster
    20130: "Server '{}' is no server of the cluster any more: {}. {}",
    20305: "'{}' cannot be added: {}",
    20306: "'{}' cannot be removed: {}",
    20307: "'{}' is a voter, or runs a member of etcd. That has to be changed first: understudy cluster {}",
    20308: "understudyd of {} is of a version that knows no records of servers: upgrade it first.",
    20309: "A member of etcd is not added, promoted or removed now: {}",
    20310: "The voters cannot be changed so: {}",
    20311: "The registry is of engine '{}': it has no member on '{}' that could be replaced.",
    20312: "Not finished after {} s: {}. What was done stays; the same command goes on from there.",
    20313: "The member of etcd of '{}' has run before, and its data is not on this server any more. It may not begin with an empty memory: "
    "on another voter type: understudy cluster replace-voter {}; then join again.",
    20314: "{} cannot be removed: {}",
    20316: "understudy.target cannot be stopped: {}",
    20315: "systemd does not run here: end the processes of Understudy, and start none of them again.",
    # --- ours: a change of the voters
    20295: "The voters cannot change now: the registry was set back, and it is not known again yet what runs where. Try again when "
    "'understudy cluster status' says that it has recovered.",
    20296: "'{}' cannot be the voters: a cluster has 1, 3 or 5 of them, each named once.",
    20297: "'{}' cannot become a voter: {}. A server votes only once it takes part in the cluster; 'understudy server list' shows "
    "who does.",
    20298: "The voters are {} already.",
    20299: "The voters are changing from {} to {} already, and the change waits for {}. It ends by itself when they have acknowledged it "
    "or are proved gone; until then the voters can only change back, to {}.",
    20300: "Server '{}' runs a version of Understudy that knows of no change of the voters: upgrade it, and restart understudy-guard "
    "there.",
    20301: "Of the voters {} only {} would be there, and {} are needed: everything would stop. Start the others first.",
    # --- ours: backup, restore and new keys
    20350: "This backup cannot be restored: {}",
    20351: "Not all of the backup can be registered; nothing was changed:",
    20352: "The restore would stop or move what runs; nothing was changed. If that is meant, insist with -f:",
    20353: "No backup can be made now, for the registry has just gone back and nobody goes by it yet ({}): try again in a few seconds.",
    20354: "The registry has not answered for {} s: the backup holds what this server read of it before.",
    20355: "The backup is restored, and it is known what runs where.",
    20356: "The restore was not finished; what is restored already is shown by the same command with --dry-run, and the command goes on "
    "from there.",
    20360: "The registry of this cluster is of engine '{}': only an etcd has a quota. Make room on the disk of its host.",
    20361: "The registry could not be repaired: {}. The same command goes on from there.",
    20362: "Every member of etcd takes writes.",
    20363: "The quota of {} is used up all the same: give it more (quota-backend-bytes in /etc/understudy/etcd.yaml of each voter, then "
    "systemctl restart understudy-etcd, one voter after the other), and repeat this command.",
    20364: "The guards' key is also that by which servers and a registry of engine '{}' know each other, so it cannot be exchanged while "
    "they run. Stop the cluster, write a new one on every server and on the registry's host, and start it.",
    20365: "Nothing was changed, for it is not known which keys these servers have: {}. They run an older version, or their daemon or "
    "guard does not answer: see 'understudy server list'.",
    20366: "Not finished after {} s, for these servers have not done their part: {}. What runs goes on, and every server accepts what the "
    "others send. The same command goes on from there.",
    20367: "The guards of all servers that are there use key {} alone.",
    20368: "Not there: {}. The new key waits for each in the registry, sealed; it is taken when understudyd begins there.",
    20369: "Not there, and never seen by this version: {}. After the return a new token is needed: remove /etc/understudy/keys/guard.key "
    "there, and join again.",
    20357: "resource '{}' runs and was started with another {}: stop it first",
    20358: "The backup is restored; it is not known of every server yet what runs there ('understudy cluster status' says of which), and "
    "what may be running there is started nowhere else until then.",
    20510: "Server '{}' has stopped everything and goes now; still leaving: {}. They go on; their logs tell.",
    # --- ours: an OpenStack control plane from one file
    20430: "Nothing was changed: {}.",
    20431: "It cannot be done: {}.",
    20432: "{}: {}.",
    20433: "{} is written, for {}; found on this server: {}. Fill it in, then: understudy openstack plan",
    20434: "{} steps on {} servers, {} commands to the cluster: understudy openstack apply",
    20435: "Nothing is to be done.",
    20436: "Not done: {}: {}.",
    20437: "{} steps done, {} left.",
    20438: "{} right, {} wrong, {} missing, {} not known.",
    20440: "The files of '{}' cannot be asked for through its daemon: {}.",
    20441: "{} places of this server are looked at for understudy openstack",
    20442: "to {}",
    20443: "it is so already",
    20444: "refused: {}",
    20445: "{}: from {} {}",
    20446: "{} entries of Keystone's catalogue: understudy openstack apply",
    20447: "{}: {} files with {} bytes are on {} now, compared to the last byte; what was local is in {}. Delete that when all is well.",
    20448: "{}: nothing is to be moved{}.",
    20449: "{}: not moved: {}.",
    20460: "{}: the same on {}.",
    20461: "{}: as on {}, copied to {}.",
    20462: "{}: those of {} are to be copied to {}: understudy openstack keys",
    20463: "{}: rotated on {}; key {} signs from now on.",
    20464: "{}: to be rotated on {}, then copied to {}; key {} would sign.",
    20465: "{}: nothing is changed: {}.",
    # --- ours: what a change does to what runs
    20150: "'{}' stops on '{}', and no server may run it: {}. Its TARGET stays ONLINE: it starts again when a server may run it.",
    20562: "'{}' stops on '{}': {}",
    20151: "'{}' moves from '{}' to '{}' ({}: {})",
    20152: "'{}' restarts on '{}': {}",
    20153: "'{}' stops on '{}': {}",
    20155: "Nothing was changed, for not everything could be stopped; TARGET is ONLINE as before, and what was stopped starts again: {}",
    20156: "'{}' in {} is no server of this cluster; {} (a server that is to be added later is accepted with -f).",
    20157: "TARGET is OFFLINE again, as before this command, of {}: the start failed, and nothing of it is tried again by itself.",
    20158: "TARGET is ONLINE as before of {}: what was stopped starts where a server may run it.",
    20159: "Resource '{}' does not run on '{}' but on '{}'.",
    20154: "The change itself was made: {}",
    # --- ours: the states of this minute (model/conditions.py)
    20120: "Server '{}' takes no part: {}. {}",
    20140: "No majority of voters: {}. {}",
    20141: "Server '{}' holds no lease: {}. {}",
    20142: "The guard of this server does not answer: {}. {}",
    20143: "No leader: {}. {}",
    20144: "The registry went back: {}. {}",
    20145: "Not as it should be: {}. {}",
    20146: "Actions cannot be run on server '{}': {}. {}",
    20233: "Something of the name '{}' runs on server '{}' and is not registered any more; 'understudy cluster status' says what to do.",
    20128: "The voters are changing: {}. {}",
    20129: "understudy.toml of server '{}' names other voters than the registry: {}. {}",
    20230: "Server '{}' runs what is not registered: {}. {}",
    20221: "The registry cannot take that, and nothing of it was changed: {}. Do it in several commands.",
    20222: "'{}' would move together with {} others, and a group has at most {} members, for it moves in one commit. Let dependencies "
    "that need no common server be global: hard(global:{}).",
    20147: "The alert log cannot be written: {}. {}",
    20148: "That cannot be done now; nothing was changed:",
    20149: "Server '{}' leaves the cluster, or has left it: {}. {}",
    20170: "The attributes of '{}' have {} bytes in all, {} are allowed; the longest is {} with {}.",
    20171: "The registry accepts no writes: {}. {}",
    # --- ours: what crsctl has, and this cluster has otherwise
    20600: "'{}' is being worked on, and with -i no command waits: it waits for {}",
    20601: "-env is not taken: what one command alone knows would be lost where another server takes the resource over. Give the "
    'attribute its value in the profile, which every server reads (crsctl modify resource NAME -attr "USR_X=..."), and set it back later.',
    20602: "{} is not taken: there are no groups of commands here. Each command is done for itself; name several resources in one.",
    20603: "No server is in the server pools that -s names: {}.",
    20604: "'{}' is a local resource: it has an instance on each server, and -s chooses one server for what runs once. Use -n.",
    20605: "Nothing is started with less than what is wanted: TARGETs say that. Stop resources (crsctl stop resource), or let this server "
    "run none (crsctl set resource use 0), before it joins.",
    20606: "Server '{}' was asked back; it joins when its guard holds a lease.",
    20607: "Nothing delays a start here: what is wanted starts as soon as a server may run it, and a majority of voters is there. So only "
    "delay 0 and servercount 1 can be set.",
    20608: "{} is about the server on which it is typed: type it there.",
    20609: "systemd does not run here, or has no understudy.target: what begins Understudy at a boot stands where this machine has that.",
    20610: "It could not be changed: {}",
    20611: "It follows from pause_tolerance, {} s, as all times of the cluster do. That is one setting of all servers: stop the cluster, "
    "write [cluster] pause_tolerance in understudy.toml of every server, then: understudy cluster accept-settings",
    20612: "'{}' has no counterpart here; there are {}.",
    20613: "Server '{}' cannot be assigned to server pool '{}': {}",
    20614: "Everything is logged all the time: see docs/guide/logs.md, 'journalctl -u understudyd', and 'understudy history'.",
    20615: "Network {} cannot be {}: {}",
    20616: "Network {} is not ONLINE on {}: an interface {} that is up, with an address in {}, is missing there. No address of this "
    "network runs there until it is; it is looked for every few seconds.",
    # --- ours: what is waited for
    20160: "'{}' waits for {}",
    20161: "What was left of '{}' on '{}' was killed{}.",
    20162: "'{}' is down on '{}' now: {}",
    20163: "'{}' is not wanted any more: its TARGET was set OFFLINE meanwhile, by {}.",
    20165: "'{}' is not stopped, for it could not start again on '{}': it would wait for {}. With -f it is restarted all the same.",
    20166: "'{}' on '{}' runs on, and cannot be started again when it ends: it would wait for {}",
    20164: "'{}' is wanted again: its TARGET was set ONLINE meanwhile, by {}.",
    # --- ours: dependencies that cannot be met
    20580: "The dependencies of '{}' can never be met: {}.",
    20581: "'{}' could never run: {} (with -f it is registered all the same).",
    20583: "understudyd of {} is of a version that cannot read a list of dependencies in which a type is not the last: upgrade it "
    "first, or let the type be the last.",
    20582: "'{}' gave way to {}, and no server may run it now: {}. Its TARGET stays ONLINE: it starts again when a server may run it.",
    # --- ours: what would happen
    20780: "understudyd of {} is of a version that does not know server categories and attributes of servers: upgrade it first.",
    20781: "The attribute '{}' is not supported for a server category.",
    20782: "What is said of server '{}' would have {} bytes in all, {} are allowed.",
    20783: "A server category with the name '{}' is already registered",
    20784: "Server category '{}' cannot be {} because it is built in.",
    20785: "Server category '{}' cannot be deleted because {} names it.",
    20620: "Nothing was changed: this was a dry run. The command itself would end with exit status {}.",
    20621: "There is no dry run of '{}': {}. Nothing was changed.",
    20622: "{} more actions are about resources that you may not see.",
    20623: "Server '{}' takes part in the cluster already.",
    20624: "Resource '{}' does not run{}, so it cannot fail there.",
    20625: "There are no policies of server pools here: which pools there are, and how important each is, is said of each pool. "
    "Use crsctl eval modify serverpool.",
    20626: "'{}' belongs to the cluster itself, and crsctl eval is about what users have registered. Use --dry-run with the command.",
    20627: "What would happen cannot be said now, and nothing was changed: the registry does not answer: {}",
    20640: "Resource '{}' has no instance {}: there is {}.",
    20641: "All {1} instances of '{0}' have servers, so that none is left for '{2}': crsctl relocate resource {0} -s SERVER -n {2}, "
    "or a larger CARDINALITY.",
    20642: "understudyd of {} is of a version that knows of one instance of a resource alone: upgrade it before a CARDINALITY above 1.",
    20643: "Instance {} of '{}' waits for a server: each that may run it has another instance.",
    20644: "'{}' has several instances: say which one to relocate, by -s SERVER or -k NUMBER.",
    20645: "'{}' stops on '{}': {}.",
    # --- ours: the past
    20730: "'{}' is no time: {}.",
    20731: "What was at {} is not known here: {}",
    20732: "As {} knew it at {}: {}.",
    20733: "There is no decision '{}' on this server: {}",
    20734: "{} cannot be decided again: {}",
    20735: "Only root may read what was decided: it shows every resource of the cluster.",
    # --- ours: the cluster as a file
    20700: "Applied: {} added, {} changed, {} removed.",
    20701: "Nothing to do: the cluster is as {} says.",
    20702: "{} cannot be applied; nothing was changed:",
    20703: "{} would stop, move or restart what runs, or remove what may run; nothing was changed. If that is meant, insist with -f:",
    20704: "What runs is stopped, moved or restarted by it, so it needs -f:",
    20705: "{} was changed by somebody else while the file was applied: nothing of theirs was overwritten. See with understudy plan "
    "what is left of the file, and apply it again.",
    20706: "Of {} commits {} are made, each of them whole. The same command does what is left.",
    20707: "What has to be written together is more than one commit of the registry holds; nothing was changed: {}. Apply it in several "
    "files, one after the other.",
    20708: "{} is of cluster '{}', and this is cluster '{}'; nothing was changed. If that is meant, say --other-cluster.",
    20709: "{} cannot be read: {}",
    20710: "{} of '{}' cannot be changed, from {} to {}: what exists keeps it. Remove it and add it anew, or give it another name.",
    20711: "{} to add, {} to change, {} to remove. Nothing was changed: {} does it.",
    20712: "Not in {}, and left as it is (--prune removes it): {}",
    20713: "Registered, and not started: {}",
    20715: "{} was not applied: what had to be stopped for it did not stop. What was done before that stays; understudy plan "
    "shows what is left.",
    20714: "'{}' is removed, and stopped before that where it may run: {}",
    20067: "The request for '{}' could not be fulfilled: {}",
    20540: "The value '{}' of attribute '{}' is not supported, only its default '{}' is: {}.",
    20541: "Resource '{}' has no action '{}': {}.",
    20542: "User '{}' may not ask for action '{}' of resource '{}': its ACTIONS give it to {} alone.",
    20543: "Action '{}' of resource '{}' cannot be run: {}.",
    20544: "Action '{}' of '{}' on '{}' succeeded",
    20545: "Action '{}' of '{}' on '{}' failed: {}",
    20546: "'{}' on '{}': {}",
    20547: "User '{}' may not give -env to an action of resource '{}', which runs as '{}'.",
}


def words(code: int, *names: object) -> str:
    """The words of a message with its names filled in, without the number."""
    return WORDS[code].format(*(map(_whole, names) if code < OURS else names))


def _whole(name: object) -> object:
    """The vocabulary of clusterware names the resource where an instance is meant."""
    return registered_name(ResourceName(name)) if isinstance(name, str) and number_of(ResourceName(name)) > 1 else name


def number(code: int) -> str:
    """How the number prints: CRS-2613, UND-0007."""
    return f"UND-{code - OURS:04d}" if code > OURS else f"CRS-{code:04d}"


def line(code: int, *names: object) -> str:
    """The whole line as crsctl prints it."""
    return f"{number(code)}: {words(code, *names)}"


def with_number(code: int | None, text: str) -> str:
    """A line for words that were made earlier (the text of a BadInput)."""
    return text if code is None else f"{number(code)}: {text}"
