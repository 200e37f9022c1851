# The guide's commands in its order, word for word as they are typed: blanks after a comma and at the end, a line end within quotes.
# Servers and addresses are those of its example. Nothing here is Understudy's own.

crsctl add serverpool controller_sp -attr "PARENT_POOLS=Generic, SERVER_NAMES=ctr1 ctr2"
crsctl add serverpool network_sp -attr "PARENT_POOLS=Generic,
SERVER_NAMES=ctr3"

appvipcfg create -network=1 -ip=10.10.10.11 -vipname=mysqlVIP -user=root
crsctl add resource mysql-data -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/mysql-data.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(mysqlVIP),STOP_DEPENDENCIES=hard(mysqlVIP) "
crsctl add resource mysqld -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/mysqld.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(mysqlVIP,mysql-data),STOP_DEPENDENCIES=hard(mysqlVIP,mysql-data) "

appvipcfg create -network=1 -ip=10.10.10.12 -vipname=rabbitmqVIP -user=root
crsctl add resource rabbitmq-data -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/rabbitmq-data.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(rabbitmqVIP),STOP_DEPENDENCIES=hard(rabbitmqVIP) "
crsctl add resource rabbitmq-server -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/rabbitmq-server.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(rabbitmqVIP,rabbitmq-data),STOP_DEPENDENCIES=hard(rabbitmqVIP,rabbitmq-data) "

appvipcfg create -network=1 -ip=10.10.10.13 -vipname=keystoneVIP -user=root
crsctl add resource openstack-keystone -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-keystone.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(keystoneVIP),STOP_DEPENDENCIES=hard(keystoneVIP) "

appvipcfg create -network=1 -ip=10.10.10.14 -vipname=cinderVIP -user=root
crsctl add resource openstack-cinder-api -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-cinder-api.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(cinderVIP),STOP_DEPENDENCIES=hard(cinderVIP) "
crsctl add resource openstack-cinder-backup -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-cinder-backup.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(cinderVIP),STOP_DEPENDENCIES=hard(cinderVIP) "
crsctl add resource openstack-cinder-scheduler -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-cinder-scheduler.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(cinderVIP),STOP_DEPENDENCIES=hard(cinderVIP) "
crsctl add resource openstack-cinder-volume -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-cinder-volume.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(cinderVIP),STOP_DEPENDENCIES=hard(cinderVIP) "

appvipcfg create -network=1 -ip=10.10.10.15 -vipname=glanceVIP -user=root
crsctl add resource glance-data -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/glance-data.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(glanceVIP),STOP_DEPENDENCIES=hard(glanceVIP) "
crsctl add resource openstack-glance-api -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-glance-api.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(glanceVIP,glance-data),STOP_DEPENDENCIES=hard(glanceVIP,glance-data) "
crsctl add resource openstack-glance-registry -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-glance-registry.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(glanceVIP,glance-data),STOP_DEPENDENCIES=hard(glanceVIP,glance-data) "
crsctl add resource openstack-glance-scrubber -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-glance-scrubber.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(glanceVIP,glance-data),STOP_DEPENDENCIES=hard(glanceVIP,glance-data) "

appvipcfg create -network=1 -ip=10.10.10.16 -vipname=swiftVIP -user=root
crsctl add resource openstack-swift-proxy -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-swift-proxy.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(swiftVIP),STOP_DEPENDENCIES=hard(swiftVIP) "

appvipcfg create -network=1 -ip=10.10.10.17 -vipname=novaVIP -user=root
crsctl add resource openstack-nova-api -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-api.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-cert -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-cert.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-conductor -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-conductor.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-console -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-console.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-consoleauth -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-consoleauth.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-metadata-api -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-metadata-api.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-novncproxy -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-novncproxy.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-scheduler -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-scheduler.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-spicehtml5proxy -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-spicehtml5proxy.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "
crsctl add resource openstack-nova-xvpxvncproxy -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/openstack-nova-xvpxvncproxy.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(novaVIP),STOP_DEPENDENCIES=hard(novaVIP) "

appvipcfg create -network=1 -ip=10.10.10.18 -vipname=neutronVIP -user=root
crsctl add resource neutron-server -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/neutron-server.scr,PLACEMENT=restricted,SERVER_POOLS=controller_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2,START_DEPENDENCIES=hard(neutronVIP),STOP_DEPENDENCIES=hard(neutronVIP) "

crsctl add resource net.neutron-openvswitch-agent -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/neutron-openvswitch-agent.scr,PLACEMENT=restricted,SERVER_POOLS=network_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2"
crsctl add resource net.neutron-dhcp-agent -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/neutron-dhcp-agent.scr,PLACEMENT=restricted,SERVER_POOLS=network_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2"
crsctl add resource net.neutron-l3-agent -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/neutron-l3-agent.scr,PLACEMENT=restricted,SERVER_POOLS=network_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2"
crsctl add resource net.neutron-metadata-agent -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/neutron-metadata-agent.scr,PLACEMENT=restricted,SERVER_POOLS=network_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2"
crsctl add resource net.neutron-lbaas-agent -type cluster_resource -attr "ACTION_SCRIPT=/opt/openstack-ha/neutron-lbaas-agent.scr,PLACEMENT=restricted,SERVER_POOLS=network_sp,CHECK_INTERVAL=30,RESTART_ATTEMPTS=2"
