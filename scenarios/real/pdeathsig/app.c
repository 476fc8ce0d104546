#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <stdlib.h>
static pid_t child;
static void *starter(void *a){ child=fork(); if(!child){ prctl(PR_SET_PDEATHSIG,SIGKILL); execlp("sleep","sleep","600",(char*)0); _exit(1);} sleep(2); return 0; }
int main(void){ pthread_t t; pthread_create(&t,0,starter,0); pthread_join(t,0); int st; waitpid(child,&st,0);
 FILE*f=fopen("worker","w"); fprintf(f,"%d\n",child); fclose(f); sleep(600); }
