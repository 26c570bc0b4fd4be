alter table qtopology_topology 
    modify column enabled tinyint not null;
